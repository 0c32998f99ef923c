/** The life of a batch whose upstream does what it should: the object, its states, its result files. */
import type OpenAI from 'openai';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  awaited,
  CHAT,
  createBatch,
  customIdsOf,
  line,
  resultsOf,
  run,
  start,
  textOf,
  upload,
} from '../support/batches.js';
import { Gate } from '../support/inbox.js';
import { askedIn, completion, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';

const DAY = 86_400;
const NO_USAGE = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

let upstream: ScriptedUpstream;
let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url });
  client = server.openai;
});
beforeEach(() => upstream.answerWith(ECHO));

afterAll(async () => {
  await server.close();
  await upstream.close();
});

describe('the object', () => {
  it('has every key from the start, in OpenAI’s order, unset ones null', async () => {
    const fileId = await upload(client, [line('a')]);
    const body = { input_file_id: fileId, endpoint: CHAT, completion_window: '24h' };
    const response = await server.fetch('/v1/batches', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    const batch = JSON.parse(text) as Batch;

    expect(response.status).toBe(200);
    expect(batch.id).toMatch(/^batch_[0-9a-f]{32}$/);
    expect(Math.abs(batch.created_at - Date.now() / 1000)).toBeLessThan(60);
    // As text, so that the order of the keys counts.
    expect(text).toBe(
      JSON.stringify({
        id: batch.id,
        object: 'batch',
        endpoint: CHAT,
        model: null,
        errors: null,
        input_file_id: fileId,
        completion_window: '24h',
        status: 'validating',
        output_file_id: null,
        error_file_id: null,
        created_at: batch.created_at,
        in_progress_at: null,
        expires_at: batch.created_at + DAY,
        finalizing_at: null,
        completed_at: null,
        failed_at: null,
        expired_at: null,
        cancelling_at: null,
        cancelled_at: null,
        request_counts: { total: 0, completed: 0, failed: 0 },
        usage: NO_USAGE,
        metadata: null,
      }),
    );
    const ended = await awaited(client, batch);
    expect(Object.keys(ended)).toEqual(Object.keys(batch));
  });

  it('gives metadata back as it came', async () => {
    const fileId = await upload(client, [line('a')]);
    for (const metadata of [{ zebra: '1', apple: 'ä"\n', empty: '' }, {}, null]) {
      const batch = await createBatch(client, fileId, { metadata });
      expect(batch.metadata).toEqual(metadata);
      expect(JSON.stringify((await awaited(client, batch)).metadata)).toBe(JSON.stringify(metadata));
    }
  });

  it('names the model of its lines, or none when they differ', async () => {
    expect(await run(client, [line('a', { model: 'one' }), line('b', { model: 'one' })])).toMatchObject({
      model: 'one',
    });
    expect(await run(client, [line('a', { model: 'one' }), line('b', { model: 'two' })])).toMatchObject({
      model: null,
    });
  });
});

it('passes through its states, with a stamp for each', async () => {
  const gates = new Map(['a', 'b', 'c'].map((id) => [id, new Gate()]));
  upstream.answerWith(async (request) => {
    await gates.get(askedIn(request))!.opened;
    return ECHO(request);
  });
  const created = await start(
    client,
    [...gates.keys()].map((id) => line(id)),
  );
  const running = await awaited(client, created, ({ status }) => status !== 'validating');
  expect(running).toMatchObject({
    status: 'in_progress',
    model: 'm',
    request_counts: { total: 3, completed: 0, failed: 0 },
    finalizing_at: null,
    output_file_id: null,
  });

  gates.get('b')!.open();
  const partly = await awaited(client, created, ({ request_counts }) => request_counts!.completed > 0);
  expect(partly).toMatchObject({
    status: 'in_progress',
    request_counts: { total: 3, completed: 1, failed: 0 },
    finalizing_at: null,
    output_file_id: null,
  });

  for (const gate of gates.values()) gate.open();
  const ended = await awaited(client, created);
  expect(ended).toMatchObject({
    status: 'completed',
    request_counts: { total: 3, completed: 3, failed: 0 },
    errors: null,
    error_file_id: null,
    in_progress_at: running.in_progress_at,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
  });
  const stamps = [ended.created_at, ended.in_progress_at, ended.finalizing_at, ended.completed_at] as number[];
  expect(stamps.every(Number.isInteger)).toBe(true);
  expect(stamps.toSorted((a, b) => a - b)).toEqual(stamps);
});

describe('result files', () => {
  it('hold one exact line each, in the order of the input, whatever the order of the answers', async () => {
    const ids = ['first', 'second "quoted"', 'third\nline', '四つ目'];
    const answered = ids.map(() => new Gate());
    upstream.answerWith(async (request) => {
      const index = ids.indexOf(askedIn(request));
      await answered[index + 1]?.opened; // the last one first
      answered[index]!.open();
      return { ...completion(ids[index]!), headers: { 'x-request-id': `up-${index}` } };
    });
    const batch = await run(
      client,
      ids.map((id) => line(id)),
    );
    const prefix = `batch_req_${batch.id.slice('batch_'.length, -8)}0000000`;
    const expected = ids.map(
      (id, index) =>
        `{"id": "${prefix}${index + 1}", "custom_id": ${JSON.stringify(id)}, "response": {"status_code": 200, ` +
        `"request_id": "up-${index}", "body": ${completion(id).body as string}}, "error": null}\n`,
    );
    expect(await textOf(client, batch.output_file_id)).toBe(expected.join(''));
  });

  it('take failed lines apart, each in the order of the input', async () => {
    upstream.answerWith((request) => {
      const id = askedIn(request);
      if (id.startsWith('good')) return ECHO(request);
      return { status: 422, headers: { 'x-request-id': `up-${id}` }, body: `{"error": {"message": "no", "code": 7}}` };
    });
    const batch = await run(client, [line('bad-1'), line('good-1'), line('bad-2'), line('good-2')]);
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 4, completed: 2, failed: 2 },
      errors: null,
    });
    expect(await customIdsOf(client, batch.output_file_id)).toEqual(['good-1', 'good-2']);
    const prefix = `batch_req_${batch.id.slice('batch_'.length, -8)}0000000`;
    const expected = [1, 2].map(
      (n) =>
        `{"id": "${prefix}${2 * n - 1}", "custom_id": "bad-${n}", "response": {"status_code": 422, ` +
        `"request_id": "up-bad-${n}", "body": {"error": {"message": "no", "code": 7}}}, "error": null}\n`,
    );
    expect(await textOf(client, batch.error_file_id)).toBe(expected.join(''));
  });

  it('are left out when there is nothing to put in', async () => {
    const good = await run(client, [line('a')]);
    expect(good).toMatchObject({ status: 'completed', error_file_id: null });
    upstream.answerWith(() => ({ status: 400, body: '{"error":{}}' }));
    const bad = await run(client, [line('a'), line('b')]);
    expect(bad).toMatchObject({
      status: 'completed',
      output_file_id: null,
      request_counts: { total: 2, completed: 0, failed: 2 },
      usage: NO_USAGE,
    });
    expect(await customIdsOf(client, bad.error_file_id)).toEqual(['a', 'b']);
  });

  it('are files like others, kept for 30 days or as long as was asked for', async () => {
    upstream.answerWith((request) => (askedIn(request) === 'a' ? ECHO(request) : { status: 400, body: '{}' }));
    const fileId = await upload(client, [line('a'), line('b')]);
    const expiry = { anchor: 'created_at', seconds: 3_600 } as const;
    for (const [options, seconds] of [
      [{}, 30 * DAY],
      [{ output_expires_after: expiry }, 3_600],
    ] as const) {
      const batch = await awaited(client, await createBatch(client, fileId, options));
      for (const kind of ['output', 'error'] as const) {
        const id = batch[`${kind}_file_id`]!;
        const file = await client.files.retrieve(id);
        expect(file).toEqual({
          object: 'file',
          id,
          purpose: 'batch_output',
          filename: `${batch.id}_${kind}.jsonl`,
          bytes: Buffer.byteLength(await textOf(client, id)),
          created_at: file.created_at,
          expires_at: file.created_at + seconds,
          status: 'processed',
          status_details: null,
        });
      }
      expect(batch).not.toHaveProperty('output_expires_after');
    }
  });

  it('keep their order over many pages', async () => {
    const ids = Array.from({ length: 1_201 }, (_, index) => `n-${index}`);
    const batch = await run(
      client,
      ids.map((id) => line(id)),
    );
    expect(batch.request_counts).toEqual({ total: 1_201, completed: 1_201, failed: 0 });
    expect(await customIdsOf(client, batch.output_file_id)).toEqual(ids);
  });
});

describe('bodies', () => {
  it('go to the upstream and come back byte by byte', async () => {
    const body =
      '{ "n": 12345678901234567890, "x": 1.0e-7,\t"model" : "m", "é": "\\u00e9 \\/ 你好 🎉", "n":1, "messages": [ ] }';
    const answer = '{"seed":9007199254740993,"x":1.50,"text":"\\u00fc ü 🎉","seed":2}';
    upstream.answerWith(() => ({ body: answer }));
    const batch = await run(client, `{"body" : ${body} , "url":"${CHAT}", "method":"POST", "custom_id":"raw"}\n`);
    expect(upstream.requests.items.at(-1)).toMatchObject({ path: CHAT, body });
    expect(upstream.requests.items.at(-1)!.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    });
    expect(await textOf(client, batch.output_file_id)).toContain(`"body": ${answer}}, "error": null}\n`);
  });

  it('become one line when the upstream writes several, and come whole out of pieces', async () => {
    const answer = JSON.stringify(
      { text: 'zwei\nZeilen\r\n ü 🎉', list: [1, { deep: true }], usage: null },
      null,
      '\t',
    );
    const bytes = Buffer.from(`\r\n${answer.replaceAll('\n', '\r\n')}\n`);
    const cut = bytes.indexOf('🎉') + 2;
    upstream.answerWith(() => ({ body: [bytes.subarray(0, cut), bytes.subarray(cut)] }));
    const batch = await run(client, [line('a'), line('b')]);
    const results = await resultsOf(client, batch.output_file_id);
    expect(results.map(({ custom_id }) => custom_id)).toEqual(['a', 'b']);
    for (const { response } of results) expect(response!.body).toEqual(JSON.parse(answer));
  });

  it('are found in a file however it was written', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => line(id));
    const before = upstream.requests.items.length;
    const batch = await run(client, `\ufeff${a}\r\n\r\n \t\n${b}\n\n${c}`); // no end of the last line
    expect(await customIdsOf(client, batch.output_file_id)).toEqual(['a', 'b', 'c']);
    const sent = upstream.requests.items.slice(before).map(({ body }) => body);
    const bodies = [a, b, c].map((text) => JSON.stringify((JSON.parse(text!) as { body: object }).body));
    expect(sent.toSorted()).toEqual(bodies);
  });

  it('that are no JSON are quoted when they come with an error', async () => {
    upstream.answerWith(() => ({ status: 403, headers: { 'content-type': 'text/html' }, body: '<h1>No "entry"</h1>' }));
    const batch = await run(client, [line('a')]);
    const [result] = await resultsOf(client, batch.error_file_id);
    expect(result!.response).toMatchObject({
      status_code: 403,
      body: { error: { message: '<h1>No "entry"</h1>', type: 'upstream_error', param: null, code: null } },
    });
  });

  it('have an id of their request even if the upstream gives none', async () => {
    const [result] = await resultsOf(client, (await run(client, [line('a')])).output_file_id);
    expect(result!.response!.request_id).toMatch(/^[0-9a-f]{32}$/);
    expect(result!.id).toMatch(/^batch_req_[0-9a-f]{32}$/);
  });
});

it.each([
  [
    CHAT,
    { messages: [] },
    {
      prompt_tokens: 10,
      completion_tokens: 20,
      total_tokens: 31,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 5 },
    },
    [20, 8, 40, 10, 62],
  ],
  [
    '/v1/responses',
    { input: 'x' },
    {
      input_tokens: 10,
      output_tokens: 20,
      total_tokens: 30,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens_details: { reasoning_tokens: 5 },
    },
    [20, 8, 40, 10, 60],
  ],
  ['/v1/completions', { prompt: 'x' }, { prompt_tokens: 10, completion_tokens: 20 }, [20, 0, 40, 0, 60]],
  ['/v1/embeddings', { input: ['x'] }, { prompt_tokens: 10, total_tokens: 10 }, [20, 0, 0, 0, 20]],
  ['/v1/moderations', { input: 'x' }, null, [0, 0, 0, 0, 0]],
  ['/v1/images/generations', { prompt: 'x' }, { total_tokens: -1, input_tokens: 'many' }, [0, 0, 0, 0, 0]],
  ['/v1/images/edits', { prompt: 'x' }, undefined, [0, 0, 0, 0, 0]],
  ['/v1/videos', { prompt: 'x' }, undefined, [0, 0, 0, 0, 0]],
])('%s: calls the upstream there and adds up the tokens it used', async (endpoint, body, usage, sums) => {
  upstream.answerWith(({ path }) => ({ body: JSON.stringify({ path, usage }) }));
  const lines = ['a', 'b'].map((id) => line(id, { messages: undefined, ...body }, endpoint));
  const batch = await run(client, lines, { endpoint });
  const [input, cached, output, reasoning, total] = sums;
  expect(batch).toMatchObject({ status: 'completed', endpoint });
  expect(batch.usage).toEqual({
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: total,
  });
  const [result] = await resultsOf(client, batch.output_file_id);
  expect(result!.response!.body['path']).toBe(endpoint);
});
