import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import OpenAI, { AuthenticationError, BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestServer } from '../support/server.js';
import {
  errorOf,
  filePart,
  jsonl,
  LINE,
  postBody,
  postForm,
  newBlobs,
  storedBlobs,
  untilUploadBegins,
  textPart,
} from '../support/uploads.js';

const MAX_FILE_BYTES = 3 * 1024 * 1024;
const DAY_SECONDS = 86_400;
/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 10, timeout: 10_000 };

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_MAX_FILE_BYTES: String(MAX_FILE_BYTES), MILLRACE_FILE_TTL: '10d' });
  client = server.openai;
});

afterAll(() => server.close());

describe('uploading', () => {
  it('takes a file from memory and describes it as OpenAI does', async () => {
    const before = Math.floor(Date.now() / 1000);
    const made = await client.files.create({ file: await jsonl(), purpose: 'batch' });
    expect(Object.keys(made)).toEqual([
      'object',
      'id',
      'purpose',
      'filename',
      'bytes',
      'created_at',
      'expires_at',
      'status',
      'status_details',
    ]);
    expect(made).toMatchObject({
      object: 'file',
      purpose: 'batch',
      filename: 'in.jsonl',
      bytes: LINE.length,
      status: 'processed',
      status_details: null,
    });
    expect(made.id).toMatch(/^file-[0-9a-f]{32}$/);
    expect(made.created_at).toBeGreaterThanOrEqual(before);
    expect(made.expires_at).toBe(made.created_at + 10 * DAY_SECONDS);
    expect(await client.files.retrieve(made.id)).toEqual(made);
    expect(await client.files.waitForProcessing(made.id)).toEqual(made);
  });

  it('takes a stream of unknown length, with the purpose after the file', async () => {
    const path = join(server.place.folder, 'streamed.jsonl');
    const text = LINE.repeat(5_000);
    await writeFile(path, text);
    const made = await client.files.create({ file: createReadStream(path), purpose: 'batch' });
    expect(made).toMatchObject({ filename: 'streamed.jsonl', bytes: text.length });
    const content = Buffer.from(await (await client.files.content(made.id)).arrayBuffer());
    expect(createHash('sha256').update(content).digest('hex')).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('takes a form with the fields in any order and bytes after its end', async () => {
    const response = await postForm(server, [
      textPart('expires_after[seconds]', '3600'),
      filePart(LINE),
      textPart('purpose', 'batch'),
      textPart('expires_after[anchor]', 'created_at'),
    ]);
    expect(response.status).toBe(200);
    const made = (await response.json()) as { created_at: number; expires_at: number };
    expect(made.expires_at).toBe(made.created_at + 3_600);
  });

  it('takes expires_after from the official client', async () => {
    const expires_after = { anchor: 'created_at', seconds: 2_592_000 } as const;
    const made = await client.files.create({ file: await jsonl(), purpose: 'batch', expires_after });
    expect(made.expires_at).toBe(made.created_at + 2_592_000);
  });

  it.each(['assistants', 'fine-tune', 'vision', 'user_data', 'evals'] as const)(
    'takes any file for %s, and keeps it for good',
    async (purpose) => {
      const made = await client.files.create({ file: await jsonl('a picture.png', '\0\x01'), purpose });
      expect(made).toMatchObject({ purpose, filename: 'a picture.png', bytes: 2, expires_at: null });
    },
  );

  it('takes an empty file for anything but a batch', async () => {
    const made = await client.files.create({ file: await jsonl('empty.txt', ''), purpose: 'user_data' });
    expect(made.bytes).toBe(0);
  });

  it('takes a first line that is too long to look at', async () => {
    const text = `${'x'.repeat(2 * 1024 * 1024)}\n${LINE}`;
    expect(await client.files.create({ file: await jsonl('long.jsonl', text), purpose: 'batch' })).toMatchObject({
      bytes: text.length,
    });
  });

  it.each([
    ['日本語 ü.jsonl', '日本語 ü.jsonl'],
    ['u\u0308.jsonl', 'ü.jsonl'],
    ['../../etc/passwd.jsonl', 'passwd.jsonl'],
    ['..\\..\\boot.jsonl', 'boot.jsonl'],
    ['IN.JSONL', 'IN.JSONL'],
  ])('calls %j %j', async (given, kept) => {
    const response = await postForm(server, [textPart('purpose', 'batch'), filePart(LINE, given)]);
    expect(await response.json()).toMatchObject({ filename: kept });
  });

  it('calls a file without a name "upload"', async () => {
    const response = await postForm(server, [textPart('purpose', 'user_data'), filePart(LINE, '')]);
    expect(await response.json()).toMatchObject({ filename: 'upload' });
  });
});

describe('refusing an upload', () => {
  const PURPOSES = "['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals']";
  const refusals: [
    what: string,
    parts: string[],
    message: string | RegExp,
    param: string | null,
    code: string | null,
  ][] = [
    [
      'an unknown purpose',
      [textPart('purpose', 'vector_store'), filePart(LINE)],
      `'vector_store' is not one of ${PURPOSES} - 'purpose'`,
      'purpose',
      null,
    ],
    ['no purpose', [filePart(LINE)], "'purpose' is a required property", 'purpose', null],
    ['no file', [textPart('purpose', 'batch')], "'file' is a required property", 'file', null],
    [
      'a file that is a text',
      [textPart('purpose', 'batch'), textPart('file', LINE)],
      "'file' is a required property",
      'file',
      null,
    ],
    ['no form at all', [], "'purpose' is a required property", 'purpose', null],
    [
      'a second file',
      [textPart('purpose', 'batch'), filePart(LINE), filePart(LINE)],
      'The form has more than one file.',
      'file',
      null,
    ],
    ['a file in another field', [filePart(LINE, 'a.jsonl', 'data')], "Unexpected file field: 'data'.", null, null],
    [
      'a name that is not .jsonl',
      [textPart('purpose', 'batch'), filePart(LINE, 'in.json')],
      'Invalid file format for Batch API. Must be .jsonl',
      null,
      null,
    ],
    [
      'an empty batch',
      [textPart('purpose', 'batch'), filePart('')],
      /^Invalid file format for Batch API\. The file is empty/,
      null,
      null,
    ],
    [
      'a first line that is no JSON',
      [filePart(`{"custom_id": nope}\n${LINE}`), textPart('purpose', 'batch')],
      /^Invalid file format for Batch API\. Line 1 is not valid JSON: /,
      null,
      null,
    ],
    [
      'a name that is too long',
      [textPart('purpose', 'batch'), filePart(LINE, `${'x'.repeat(300)}.jsonl`)],
      /longer than 255 bytes/,
      'file',
      'invalid_value',
    ],
    [
      'seconds without an anchor',
      [textPart('expires_after[seconds]', '3600'), textPart('purpose', 'batch'), filePart(LINE)],
      "Missing required parameter: 'expires_after.anchor'.",
      'expires_after.anchor',
      'missing_required_parameter',
    ],
    [
      'a wrong anchor',
      [textPart('expires_after[anchor]', 'now'), textPart('purpose', 'batch'), filePart(LINE)],
      "Invalid value: 'now'. Supported values are: 'created_at'.",
      'expires_after.anchor',
      'invalid_value',
    ],
    [
      'too few seconds',
      [
        textPart('expires_after[anchor]', 'created_at'),
        textPart('expires_after[seconds]', '3599'),
        textPart('purpose', 'batch'),
        filePart(LINE),
      ],
      "Invalid 'expires_after.seconds': integer below minimum value. Expected a value >= 3600, but got 3599 instead.",
      'expires_after.seconds',
      'integer_below_min_value',
    ],
    [
      'seconds that are no number',
      [
        textPart('expires_after[anchor]', 'created_at'),
        textPart('expires_after[seconds]', '1e4'),
        textPart('purpose', 'batch'),
        filePart(LINE),
      ],
      "Invalid type for 'expires_after.seconds': expected an integer, but got a string instead.",
      'expires_after.seconds',
      'invalid_type',
    ],
  ];

  it.each(refusals)('for %s', async (_what, parts, message, param, code) => {
    const blobs = await storedBlobs(server);
    const response = await postForm(server, parts);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toEqual({
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      type: 'invalid_request_error',
      param,
      code,
    });
    expect(await storedBlobs(server)).toEqual(blobs);
  });

  it('for too many bytes, also from a client that sends them all before it listens', async () => {
    const blobs = await storedBlobs(server);
    const big = await jsonl('big.jsonl', LINE.repeat(Math.ceil(MAX_FILE_BYTES / LINE.length) + 50_000));
    const refused = client.files.create({ file: big, purpose: 'batch' });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({ error: { message: 'File is too large.', param: null, code: null } });
    expect(await storedBlobs(server)).toEqual(blobs);
    // The connection, if it is used again, is in order.
    await client.files.create({ file: await jsonl(), purpose: 'batch' });
  });

  it('but not for exactly as many bytes as are allowed', async () => {
    const made = await client.files.create({
      file: await jsonl('x.bin', 'x'.repeat(MAX_FILE_BYTES)),
      purpose: 'user_data',
    });
    expect(made.bytes).toBe(MAX_FILE_BYTES);
  });

  it('for a form that breaks off, or has no boundary', async () => {
    const blobs = await storedBlobs(server);
    const broken = await postBody(server, 'multipart/form-data; boundary=xyz', `--xyz\r\n${filePart(LINE)}`);
    const headless = await postBody(server, 'multipart/form-data', `--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`);
    for (const response of [broken, headless]) {
      expect(response.status).toBe(400);
      expect(await errorOf(response)).toMatchObject({
        message: 'We could not read the multipart form of your request.',
      });
    }
    expect(await storedBlobs(server)).toEqual(blobs);
  });

  it('for another type of body', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const response = await server.fetch('/v1/files', {
        method: 'POST',
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': type },
        body: '{}',
      });
      expect(response.status).toBe(415);
      expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', param: null, code: null });
    }
  });

  it('without a key, before it takes in a byte', async () => {
    await expect(
      server.openaiAs('mr_wrong').files.create({ file: await jsonl(), purpose: 'batch' }),
    ).rejects.toBeInstanceOf(AuthenticationError);
  });

  it('leaves nothing of an upload whose client goes away', async () => {
    const blobs = await storedBlobs(server);
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.adminKey}\r\n` +
        `content-type: multipart/form-data; boundary=xyz\r\ncontent-length: 2000000\r\n\r\n` +
        `--xyz\r\n${filePart(LINE.repeat(5_000))}`,
    );
    await untilUploadBegins(server, blobs);
    socket.destroy();
    await vi.waitFor(async () => expect(await newBlobs(server, blobs)).toEqual([]), PATIENCE);
    expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});
