/**
 * Everything that can be wrong with the input of a batch, big and small, each with its expected answer: refused when it is
 * uploaded, failed with the places of its faults, or run. Whatever comes, the server goes on answering and stays small.
 */
import { gzipSync } from 'node:zlib';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, CHAT, createBatch, customIdsOf, line } from '../support/batches.js';
import { Answered } from '../support/refusals.js';
import { CAN_WATCH, expectUnstrained, ServerWatch } from '../support/server-watch.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { repeated, uploadPieces } from '../support/streamed-upload.js';

const MiB = 1024 * 1024;
/** The default of MILLRACE_MAX_LINE_BYTES. */
const LONGEST_LINE = 10 * MiB;
/**
 * The largest file has 205 MiB, so that one which was held would show; the longest lines are held one at a time, and what is left
 * of them lies about for a while where the machine is busy.
 */
const MAY_GROW_MIB = 128;

let sim: TestSim;
let server: TestServer;
let watch: ServerWatch | null = null;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url });
  if (CAN_WATCH) watch = await ServerWatch.start(server);
  // Good work of every size first: what that takes is not the fault of bad input.
  for (const filling of ['x', 'y', 'z']) await ended([fullLine(filling, '"', '"')]);
  await ended(Array.from({ length: 20_000 }, (_, n) => `${line(`warm-${n}`, { pad: 'x'.repeat(500) })}\n`));
  watch?.begin();
});

afterAll(async () => {
  await watch?.stop();
  await server.close();
  await sim.close();
});

type Pieces = Iterable<Buffer | string>;

async function refusal(pieces: Pieces): Promise<string> {
  const answer = await Answered.by('/v1/files', await uploadPieces(server, pieces));
  expect(answer.status).toBe(400);
  return answer.refusal()!.message;
}

/** The batch over these bytes, when it has ended. */
async function ended(pieces: Pieces): Promise<Batch> {
  const response = await uploadPieces(server, pieces);
  const { id } = (await response.json()) as { id: string };
  expect(response.status).toBe(200);
  const batch = await createBatch(server.openai, id);
  return awaited(server.openai, batch, undefined, 100_000);
}

type Fault = readonly [code: string, param: string | null, line: number | null];

/** A line with some of its text replaced. */
function lineWith(from: string, to: string, id = 'x'): string {
  const text = line(id, { deep: 'DEEP' });
  if (!text.includes(from)) throw new Error(`the line has no ${from}`);
  return `${text.replace(from, to)}\n`;
}

function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

/** A line as long as a line may be, filled with values between `open` and `close`. */
function fullLine(value: string, open = '[', close = ']', url = CHAT): string {
  const [head, tail] = line('full', { filled: 'FILL' }, url).split('"FILL"') as [string, string];
  const room = LONGEST_LINE - head.length - tail.length - open.length - close.length;
  return `${head}${open}${value.repeat(Math.floor(room / value.length)).replace(/,$/, '')}${close}${tail}\n`;
}

const GOOD = `${line('good')}\n`;
const WRONG_URL: Fault = ['invalid_url', 'url', 1];
const NOT_JSON: Fault = ['invalid_json_line', null, 1];

describe('refused when it is uploaded', () => {
  const files: readonly [what: string, pieces: () => Pieces, message: string][] = [
    ['an empty file', () => [], 'The file is empty.'],
    ['one of blank lines', () => ['\uFEFF\n\r\n \t\n'], 'The file is empty.'],
    ['one of five million line feeds', () => repeated('\n', 5_000_000), 'The file is empty.'],
    ['gzip', () => [gzipSync(GOOD.repeat(100))], 'Line 1 is not valid JSON'],
    ['a zip file', () => ['PK\x03\x04\x14\0\0\0\b\0'], 'Line 1 is not valid JSON'],
    ['UTF-16', () => [Buffer.from(`\uFEFF${GOOD}`, 'utf16le')], 'Line 1 is not valid JSON'],
    ['UTF-32', () => [Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0])], 'Line 1 is not valid JSON'],
    ['a NUL before the first line', () => ['\0', GOOD], 'Line 1 is not valid JSON'],
    ['JSON over several lines', () => [JSON.stringify(JSON.parse(GOOD), null, 2)], 'Line 1 is not valid JSON'],
    ['a table', () => ['custom_id,method\na,POST\n'], 'Line 1 is not valid JSON'],
    ['a fault in the first line that is not blank', () => ['\n\r\n{"custom_id": \n', GOOD], 'Line 3 is not valid JSON'],
  ];

  it.each(files)('%s', async (_what, pieces, message) => {
    expect(await refusal(pieces())).toMatch(`Invalid file format for Batch API. ${message}`);
  });
});

describe('failed, with the place', () => {
  const files: readonly [what: string, pieces: () => Pieces, ...faults: Fault[]][] = [
    ['a byte order mark in the middle', () => [GOOD, '\uFEFF', line('b')], ['invalid_json_line', null, 2]],
    ['a NUL between lines', () => [GOOD, '\0\n'], ['invalid_json_line', null, 2]],
    ['a NUL in a custom id', () => [line('a\0')], ['invalid_value', 'custom_id', 1]],
    ['bytes that are no UTF-8', () => [GOOD, Buffer.from([0x22, 0xff, 0x22])], ['invalid_json_line', null, 2]],
    ['overlong UTF-8', () => [GOOD, Buffer.from([0x22, 0xc0, 0x80, 0x22])], ['invalid_json_line', null, 2]],
    ['surrogates in UTF-8', () => [GOOD, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])], ['invalid_json_line', null, 2]],
    ['half a character as custom id', () => [lineWith('"x"', '"\\ud800"')], ['invalid_value', 'custom_id', 1]],
    ['half a character as model', () => [lineWith('"m"', '"\\udfff"')], ['invalid_value', 'body.model', 1]],
    ['a custom id given twice', () => [GOOD, GOOD], ['duplicate_custom_id', 'custom_id', 2]],
    ['another url', () => [line('a', {}, '/v1/embeddings')], WRONG_URL],
    ['another method', () => [lineWith('POST', 'DELETE')], ['invalid_method', 'method', 1]],
    ['no model', () => [lineWith('"model":"m",', '')], ['invalid_request', 'body.model', 1]],
    [
      'a custom id from a prototype',
      () => ['{"__proto__":', GOOD.trim(), '}'],
      ['missing_required_parameter', 'custom_id', 1],
      ['missing_required_parameter', 'method', 1],
      ['missing_required_parameter', 'url', 1],
      ['missing_required_parameter', 'body', 1],
    ],
    [
      'a model from a prototype',
      () => [lineWith('"model"', '"__proto__":{"model":"m"},"x"')],
      ['invalid_request', 'body.model', 1],
    ],
    [
      'a custom id given twice in a line, the last one wrong',
      () => [lineWith('"method"', '"custom_id":5,"method"')],
      ['invalid_type', 'custom_id', 1],
    ],
    ['a body 100,000 levels deep', () => [lineWith('"DEEP"', nested(100_000))], ['invalid_request', 'body', 1]],
    [
      'a body as deep as a line has room for',
      () => [fullLine('[', '', ']'.repeat(5 * MiB)).slice(0, LONGEST_LINE)],
      NOT_JSON,
    ],
    ['brackets that are never closed', () => [lineWith('"DEEP"', '['.repeat(1_000_000))], NOT_JSON],
    ['200 MB of spaces', () => repeated(' ', 200_000_000), ['line_too_long', null, 1]],
    ['a line of 200 MB', () => repeated('x', 200_000_000), ['line_too_long', null, 1]],
    ['a good line behind one of 100 MB', () => [...repeated('x', 100_000_000), '\n', GOOD], ['line_too_long', null, 1]],
    [
      'more bytes than a batch may have',
      () => repeated(`${' '.repeat(999)}\n{}\n`, 215_000),
      ['file_too_large', null, null],
    ],
    ['50,001 lines', () => numbered(50_001), ['too_many_tasks', null, null]],
    [
      'a fault behind five million line feeds',
      () => [GOOD, ...repeated('\n', 5_000_000), '{'],
      ['invalid_json_line', null, 5_000_002],
    ],
    ['10 MiB of empty objects', () => [fullLine('{},', '[', ']', '/v1/x')], WRONG_URL],
    ['10 MiB of numbers', () => [fullLine('0.1,', '[', ']', '/v1/x')], WRONG_URL],
    ['10 MiB of short texts', () => [fullLine('"",', '[', ']', '/v1/x')], WRONG_URL],
    ['10 MiB of one text of quotes', () => [fullLine('\\"', '"', '"', '/v1/x')], WRONG_URL],
    ['10 MiB of a text that does not end', () => [fullLine('\\"', '"', '', '/v1/x')], NOT_JSON],
    ['a number of 10 MiB, with a letter behind it', () => [fullLine('7', '', 'x')], NOT_JSON],
  ];

  function* numbered(count: number): Generator<string> {
    for (let n = 0; n < count; n += 1) yield `${line(`n-${n}`)}\n`;
  }

  it.each(files)('%s', async (_what, pieces, ...faults) => {
    const batch = await ended(pieces());
    const found = (batch.errors?.data ?? []).map(({ code, param, line: number }) => [code, param, number]);
    expect([batch.status, found]).toEqual(['failed', faults]);
    expect(batch.request_counts).toEqual({ total: 0, completed: 0, failed: 0 });
  });

  it('sixty thousand faults: a thousand of them, and that there are too many lines', async () => {
    const { status, errors } = await ended(repeated('{}\n', 60_000));
    expect([status, errors!.data!.length]).toEqual(['failed', 1_002]);
    expect(errors!.data!.map(({ code }) => code).slice(-2)).toEqual(['too_many_tasks', 'more_errors']);
  });
});

describe('run', () => {
  const files: readonly [what: string, pieces: () => Pieces, ids: string[]][] = [
    ['no line feed at the end', () => [GOOD, line('b')], ['good', 'b']],
    ['lines that end as on Windows', () => [GOOD.replace('\n', '\r\n'), line('b'), '\r\n'], ['good', 'b']],
    ['a byte order mark', () => ['\uFEFF', GOOD, line('b')], ['good', 'b']],
    ['a byte order mark and a blank line', () => ['\uFEFF\r\n', GOOD], ['good']],
    ['a blank first line', () => ['\n \t\r\n', GOOD, '\n\n', line('b'), '\n\n'], ['good', 'b']],
    ['five million line feeds', () => [...repeated('\n', 2_500_000), GOOD, ...repeated('\n', 2_500_000)], ['good']],
    [
      'custom ids that objects have already',
      () => [`${line('__proto__')}\n`, line('constructor')],
      ['__proto__', 'constructor'],
    ],
    ['keys given twice, of which the last counts', () => [lineWith('"method"', '"custom_id":"y","method"')], ['y']],
    ['`__proto__` in a body', () => [lineWith('"deep"', '"__proto__":{"model":5},"deep"', 'p')], ['p']],
    ['odd custom ids', () => [`${line('\u0001/../"<>')}\n`, line('日本 👩‍🚀')], ['\u0001/../"<>', '日本 👩‍🚀']],
    ['half a character in a text', () => [lineWith('"DEEP"', '"\\ud800"', 'half')], ['half']],
    [
      'numbers that no computer holds',
      () => [lineWith('"DEEP"', '1e999999,"n":123456789012345678901234567890', 'n')],
      ['n'],
    ],
    ['a line as long as a line may be', () => [fullLine('x', '"', '"')], ['full']],
  ];

  it.each(files)('%s', async (_what, pieces, ids) => {
    const batch = await ended(pieces());
    expect([batch.status, batch.errors, batch.request_counts!.total]).toEqual(['completed', null, ids.length]);
    const results = [batch.output_file_id, batch.error_file_id].filter((id) => id !== null && id !== undefined);
    const found = (await Promise.all(results.map((id) => customIdsOf(server.openai, id)))).flat();
    expect(found.sort()).toEqual([...ids].sort());
  });
});

describe('after all of it', () => {
  it('the server has written no error into its log', () => {
    expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  it.runIf(CAN_WATCH)('the server has answered all the time, and has hardly grown', async () => {
    expectUnstrained('bad batches', await watch!.report(), MAY_GROW_MIB);
  });
});
