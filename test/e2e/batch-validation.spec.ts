/** What is found wrong with the input file of a batch. Nothing of a faulty file is run. */
import type OpenAI from 'openai';
import type { BatchError } from 'openai/resources/batches';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAT, line, run, upload } from '../support/batches.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';

const MAX_LINES = 1_200;
/** More than the upload looks at. */
const MAX_LINE_BYTES = 1_100_000;
const MAX_BATCH_BYTES = 2_200_000;
let sim: TestSim;
let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({
    MILLRACE_UPSTREAM_URL: sim.url,
    MILLRACE_MAX_LINES: String(MAX_LINES),
    MILLRACE_MAX_LINE_BYTES: String(MAX_LINE_BYTES),
    MILLRACE_MAX_BATCH_BYTES: String(MAX_BATCH_BYTES),
  });
  client = server.openai;
});

afterAll(async () => {
  await server.close();
  await sim.close();
});

/** The faults of a file, of which nothing may have run. */
async function faultsOf(input: string | Buffer | readonly string[], endpoint = CHAT): Promise<BatchError[]> {
  const { requests } = await sim.stats();
  const batch = await run(client, input, { endpoint });
  expect(batch).toMatchObject({
    status: 'failed',
    model: null,
    in_progress_at: null,
    completed_at: null,
    output_file_id: null,
    error_file_id: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    errors: { object: 'list' },
  });
  expect(batch.failed_at).toBeGreaterThanOrEqual(batch.created_at);
  expect((await sim.stats()).requests).toBe(requests);
  return batch.errors!.data!;
}

/** A line as an object, for leaving something out of it or putting something else in. */
function lineWith(change: object, body: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...(JSON.parse(line('x', body)) as object), ...change });
}

/** A fault as [code, param, message]. */
type Fault = readonly [code: string, param: string | null, message: string];

const NOT_JSON: Fault = ['invalid_json_line', null, 'This line is not parseable as valid JSON.'];
const NO_OBJECT: Fault = ['invalid_json_line', null, 'This line is not a JSON object.'];
const WRONG_ID: Fault = [
  'invalid_value',
  'custom_id',
  "Invalid 'custom_id': it holds a NUL character or half of a surrogate pair.",
];
const WRONG_METHOD: Fault = ['invalid_method', 'method', "The method of a request must be 'POST'."];
const WRONG_URL: Fault = ['invalid_url', 'url', 'The URL provided for this request does not match the batch endpoint.'];
const NO_MODEL: Fault = ['invalid_request', 'body.model', 'Model parameter is required.'];
const NO_MESSAGES: Fault = ['invalid_request', 'body.messages', 'Messages parameter is required.'];
const missing = (field: string): Fault => [
  'missing_required_parameter',
  field,
  `Missing required parameter: '${field}'.`,
];
const streamed = (api: string): Fault => [
  'streaming_unsupported',
  'body.stream',
  `${api}Streaming is not supported in the Batch API.`,
];
const twice = (id: string): Fault => [
  'duplicate_custom_id',
  'custom_id',
  `The custom_id '${id}' duplicates another request; it must be unique in the batch.`,
];
const idLength = (got: number): Fault => [
  'invalid_value',
  'custom_id',
  `Invalid 'custom_id': expected a string of 1 to 512 characters, got ${got}.`,
];

const LINES: readonly (readonly [line: string | Buffer, ...faults: Fault[]])[] = [
  [line('good-1')],
  ['{"custom_id": ', NOT_JSON],
  ['5', NO_OBJECT],
  ['[]', NO_OBJECT],
  ['null', NO_OBJECT],
  [''],
  ['{}', missing('custom_id'), missing('method'), missing('url'), missing('body')],
  [lineWith({ custom_id: null }), missing('custom_id')],
  [lineWith({ custom_id: 5 }), ['invalid_type', 'custom_id', "Invalid type for 'custom_id': expected a string."]],
  [lineWith({ custom_id: '' }), idLength(0)],
  [lineWith({ custom_id: 'y'.repeat(513) }), idLength(513)],
  [lineWith({ custom_id: 'a\0' }), WRONG_ID],
  [lineWith({ custom_id: '\ud800' }), WRONG_ID],
  [lineWith({ custom_id: 'm-1', method: undefined }), missing('method')],
  [lineWith({ custom_id: 'm-2', method: 'GET' }), WRONG_METHOD],
  [lineWith({ custom_id: 'm-3', method: 5 }), WRONG_METHOD],
  [lineWith({ custom_id: 'u-1', url: null }), missing('url')],
  [lineWith({ custom_id: 'u-2', url: '/v1/embeddings' }), WRONG_URL],
  [lineWith({ custom_id: 'u-3', url: `${CHAT}/` }), WRONG_URL],
  [' \t '],
  [lineWith({ custom_id: 'b-1', body: undefined }), missing('body')],
  [lineWith({ custom_id: 'b-2', body: [] }), ['invalid_type', 'body', "Invalid type for 'body': expected an object."]],
  [lineWith({ custom_id: 'b-3' }, { model: undefined }), NO_MODEL],
  [lineWith({ custom_id: 'b-4' }, { model: 5 }), NO_MODEL],
  [
    lineWith({ custom_id: 'b-4a' }, { model: 'm'.repeat(257) }),
    ['invalid_value', 'body.model', "Invalid 'body.model': expected a string of 1 to 256 characters, got 257."],
  ],
  [lineWith({ custom_id: 'b-5' }, { messages: undefined }), NO_MESSAGES],
  [lineWith({ custom_id: 'b-6' }, { stream: true }), streamed('Chat Completions: ')],
  [
    lineWith({ custom_id: 'b-7' }, { model: '', messages: undefined, stream: true }),
    NO_MODEL,
    NO_MESSAGES,
    streamed('Chat Completions: '),
  ],
  [
    lineWith({ custom_id: 'b-8', body: 'DEEP' }).replace('"DEEP"', `{"model":"m","messages":${nested(200)}}`),
    ['invalid_request', 'body', 'Body is nested deeper than 200 levels.'],
  ],
  [
    Buffer.concat([Buffer.from('{"custom_id":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    ['invalid_json_line', null, 'This line is not parseable as valid JSON: it is not valid UTF-8.'],
  ],
  [
    line('long', { pad: 'x'.repeat(MAX_LINE_BYTES) }),
    ['line_too_long', null, `This line is longer than the ${MAX_LINE_BYTES} bytes a line may have.`],
  ],
  [lineWith({ custom_id: 'good-1' }), twice('good-1')],
  // Said at once, although each of the two lines has another fault too.
  [lineWith({ custom_id: 'm-2', url: '/v1/x' }), WRONG_URL, twice('m-2')],
  [line('good-2')],
];

function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

describe('a file', () => {
  it('is answered with all faults of all lines, each with its place', async () => {
    const bytes = Buffer.concat(LINES.flatMap(([text]) => [Buffer.from(text), Buffer.from('\n')]));
    const expected = LINES.flatMap(([, ...faults], index) =>
      faults.map(([code, param, message]) => ({ code, message, param, line: index + 1 })),
    );
    const faults = await faultsOf(bytes);
    expect(faults).toEqual(expected);
    expect(Object.keys(faults[0]!)).toEqual(['code', 'message', 'param', 'line']);
  });

  it('is checked for what its endpoint needs', async () => {
    const codes = async (endpoint: string, body: Record<string, unknown>) => {
      const lines = [line('x', { messages: undefined, ...body }, endpoint)];
      return (await faultsOf(lines, endpoint)).map(({ param, message }) => [param, message]);
    };
    const noInput = [['body.input', 'Input parameter is required.']];
    expect(await codes('/v1/embeddings', {})).toEqual(noInput);
    expect(await codes('/v1/moderations', {})).toEqual(noInput);
    expect(await codes('/v1/responses', { model: undefined })).toEqual([['body.model', NO_MODEL[2]]]);
    expect(await codes('/v1/completions', { stream: true })).toEqual([['body.stream', streamed('')[2]]]);
  });

  it('with more than a thousand faults gets the first thousand and a number', async () => {
    const faults = await faultsOf([line('a'), ...Array.from({ length: 1_023 }, () => '?')]);
    expect(faults).toHaveLength(1_001);
    expect(faults.slice(0, 1_000).map((fault) => fault.line)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 2));
    expect(faults[1_000]).toEqual({
      code: 'more_errors',
      message: '23 more errors are not listed.',
      param: null,
      line: null,
    });
  });

  it('may have as many lines as a batch may have, and no more', async () => {
    const ids = Array.from({ length: MAX_LINES }, (_, n) => `n-${n}`);
    const full = ids.map((id) => line(id));
    const batch = await run(client, [...full, '', ' ']);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: MAX_LINES, completed: MAX_LINES } });
    expect(await faultsOf([...full, line('more')])).toEqual([
      {
        code: 'too_many_tasks',
        message: `The batch input file has more than the ${MAX_LINES} requests a batch may have. Please split it.`,
        param: null,
        line: null,
      },
    ]);
    // That there are too many lines is told even where their faults are too many to list.
    const faults = await faultsOf([line('a'), ...Array.from({ length: MAX_LINES }, () => '?')]);
    expect(faults.map(({ code }) => code)).toContain('too_many_tasks');
  });

  it('may have as many bytes as a batch may have, and no more', async () => {
    const short = `${line('a')}\n`;
    const padding = `${' '.repeat(999)}\n`.repeat(MAX_BATCH_BYTES / 1_000).slice(short.length);
    expect(await run(client, short + padding)).toMatchObject({ status: 'completed', request_counts: { total: 1 } });
    expect(await faultsOf(`${short + padding} `)).toEqual([
      {
        code: 'file_too_large',
        message: `The batch input file is larger than the ${MAX_BATCH_BYTES} maximum. Please try again with a smaller batch.`,
        param: null,
        line: null,
      },
    ]);
  });

  it('may have lines as long as a line may be', async () => {
    const text = line('a', { pad: '' });
    const full = line('a', { pad: 'x'.repeat(MAX_LINE_BYTES - text.length) });
    expect(Buffer.byteLength(full)).toBe(MAX_LINE_BYTES);
    expect(await run(client, [full])).toMatchObject({ status: 'completed', request_counts: { completed: 1 } });
    const longer = full.replace('xx', 'xxx');
    expect((await faultsOf([longer])).map(({ code, line: number }) => [code, number])).toEqual([['line_too_long', 1]]);
  });

  it('without any request is refused when it is uploaded already', async () => {
    for (const nothing of ['', '\n', ' \r\n\n', `${' '.repeat(1_000)}\n`.repeat(1_000)]) {
      await expect(upload(client, nothing)).rejects.toMatchObject({ status: 400, param: null, code: null });
    }
    // One line too long to look at, and nothing in it.
    expect(await faultsOf(' '.repeat(MAX_LINE_BYTES))).toEqual([
      {
        code: 'empty_file',
        message: 'The input file is empty. Please ensure that your batch contains at least one request.',
        param: null,
        line: null,
      },
    ]);
  });
});
