/** Requests to create a batch that are refused at once, each with the reason and the field. */
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAT, createBatch, line, upload } from '../support/batches.js';
import { TestServer } from '../support/server.js';

const ENDPOINTS =
  "'/v1/responses', '/v1/chat/completions', '/v1/embeddings', '/v1/completions', '/v1/moderations', " +
  "'/v1/images/generations', '/v1/images/edits' and '/v1/videos'";
const WINDOWS = "'24h', or any '<n>m', '<n>h' or '<n>d' from 1m to 30d.";

let server: TestServer;
let client: OpenAI;
let fileId: string;

beforeAll(async () => {
  server = await TestServer.start();
  client = server.openai;
  fileId = await upload(client, [line('a')]);
});
afterAll(() => server.close());

describe('a request to create a batch', () => {
  function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
    const own = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    return server.fetch('/v1/batches', { method: 'POST', headers: { ...own, ...headers }, body });
  }

  const tooMany = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']));
  const expiry = { anchor: 'created_at', seconds: 3_600 };

  it.each<[what: string, change: object, param: string, code: string, message: string]>([
    [
      'no file',
      { input_file_id: undefined },
      'input_file_id',
      'missing_required_parameter',
      "Missing required parameter: 'input_file_id'.",
    ],
    [
      'no endpoint',
      { endpoint: undefined },
      'endpoint',
      'missing_required_parameter',
      "Missing required parameter: 'endpoint'.",
    ],
    [
      'no window',
      { completion_window: undefined },
      'completion_window',
      'missing_required_parameter',
      "Missing required parameter: 'completion_window'.",
    ],
    [
      'a file that is no text',
      { input_file_id: 5 },
      'input_file_id',
      'invalid_type',
      "Invalid type for 'input_file_id': expected a string, but got an integer instead.",
    ],
    [
      'a wrong endpoint',
      { endpoint: '/v1/invalid' },
      'endpoint',
      'invalid_value',
      `Invalid value: '/v1/invalid'. Supported values are: ${ENDPOINTS}.`,
    ],
    [
      'an overlong window',
      { completion_window: 'h'.repeat(101) },
      'completion_window',
      'invalid_value',
      "Invalid 'completion_window': expected a string of at most 100 characters.",
    ],
    ...['24', '24H', '0m', '31d', '1.5h', '24h ', '-1h', '720h1m', '43201m', ''].map(
      (window): [string, object, string, string, string] => [
        `the window '${window}'`,
        { completion_window: window },
        'completion_window',
        'invalid_value',
        `Invalid value: '${window}'. Supported values are: ${WINDOWS}`,
      ],
    ),
    [
      'a window that is no text',
      { completion_window: 24 },
      'completion_window',
      'invalid_type',
      "Invalid type for 'completion_window': expected a string, but got an integer instead.",
    ],
    [
      'metadata with a list',
      { metadata: { ok: 'x', tags: ['x'] } },
      'metadata.tags',
      'invalid_type',
      "Invalid type for 'metadata.tags': expected a string, but got an array instead.",
    ],
    [
      'metadata that is no map',
      { metadata: 'x' },
      'metadata',
      'invalid_type',
      "Invalid type for 'metadata': expected an object, but got a string instead.",
    ],
    [
      'too much metadata',
      { metadata: tooMany },
      'metadata',
      'invalid_value',
      "Invalid 'metadata': too many properties. Expected at most 16, but got 17 instead.",
    ],
    [
      'a long key in the metadata',
      { metadata: { ['k'.repeat(65)]: 'v' } },
      'metadata',
      'invalid_value',
      "Invalid 'metadata': a key has at most 64 characters.",
    ],
    [
      'a long value in the metadata',
      { metadata: { k: 'v'.repeat(513) } },
      'metadata.k',
      'invalid_value',
      "Invalid 'metadata.k': a value has at most 512 characters.",
    ],
    [
      'result files that go too soon',
      { output_expires_after: { ...expiry, seconds: 3_599 } },
      'output_expires_after.seconds',
      'integer_below_min_value',
      "Invalid 'output_expires_after.seconds': integer below minimum value. Expected a value >= 3600, but got 3599 instead.",
    ],
    [
      'result files that stay too long',
      { output_expires_after: { ...expiry, seconds: 2_592_001 } },
      'output_expires_after.seconds',
      'integer_above_max_value',
      "Invalid 'output_expires_after.seconds': integer above maximum value. Expected a value <= 2592000, but got 2592001 instead.",
    ],
    [
      'another anchor',
      { output_expires_after: { ...expiry, anchor: 'last_active_at' } },
      'output_expires_after.anchor',
      'invalid_value',
      "Invalid value: 'last_active_at'. Supported values are: 'created_at'.",
    ],
  ])('is refused with %s', async (_, change, param, code, message) => {
    const good = { input_file_id: fileId, endpoint: CHAT, completion_window: '24h' };
    const response = await post(JSON.stringify({ ...good, ...change }));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code } });
  });

  it('is refused without JSON, or with something other than an object', async () => {
    for (const body of ['{"input_file_id": ', '[]', '5', 'null', '']) {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
    }
  });

  it('is refused for a file that is not there, or is there for something else', async () => {
    const unknown = 'file-00000000000000000000000000000000';
    await expect(createBatch(client, unknown)).rejects.toMatchObject({
      status: 404,
      error: {
        message: `No such File object: ${unknown}`,
        type: 'invalid_request_error',
        param: 'input_file_id',
        code: null,
      },
    });
    const file = await toFile(Buffer.from(`${line('a')}\n`), 'in.jsonl');
    const { id } = await client.files.create({ file, purpose: 'user_data' });
    await expect(createBatch(client, id)).rejects.toMatchObject({
      status: 400,
      error: {
        message: `File '${id}' has purpose 'user_data'. Upload the input file with purpose 'batch'.`,
        type: 'invalid_request_error',
        param: 'input_file_id',
        code: 'invalid_value',
      },
    });
  });

  it('leaves no batch behind when it is refused', async () => {
    const before = (await client.batches.list({ limit: 1 })).data[0]?.id;
    await expect(createBatch(client, fileId, { completion_window: '24' })).rejects.toMatchObject({ status: 400 });
    expect((await client.batches.list({ limit: 1 })).data[0]?.id).toBe(before);
  });
});
