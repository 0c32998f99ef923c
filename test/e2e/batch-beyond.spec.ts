/** What our batches can do beyond OpenAI's: windows, levels, queues, keys against doing twice; and whose they are. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { awaited, createBatch, customIdsOf, line, run, start, upload, type BatchOptions } from '../support/batches.js';
import { Gate } from '../support/inbox.js';
import { makeKeys } from '../support/keys.js';
import { putQueues } from '../support/queues.js';
import { askedIn, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';

let upstream: ScriptedUpstream;
let server: TestServer;
let client: OpenAI;
/** Of another tenant. */
let foreign: OpenAI;
let fileId: string;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url, MILLRACE_UPSTREAM_CONCURRENCY: '1' });
  await server.stop();
  const scopes = ['files', 'batches'] as const;
  const [key] = await makeKeys(server.place, [{ tenantName: 'other', name: 'k', scopes, expiresAt: null }]);
  await putQueues(server.place, [
    { name: 'side' },
    { name: 'vectors', endpoint: '/v1/embeddings' },
    { name: 'theirs', tenantName: 'other' },
  ]);
  await server.restart();
  client = server.openai;
  foreign = server.openaiAs(key!.token);
  fileId = await upload(client, [line('a')]);
});
beforeEach(() => upstream.answerWith(ECHO));

afterAll(async () => {
  await server.close();
  await upstream.close();
});

/** `put` of every lane, by `queue:level`. */
async function putCounts(): Promise<Record<string, number>> {
  const { lanes } = (await (await server.fetch('/v1/console/stats')).json()) as {
    lanes: { queue: string; level: number; totals: { put: number } }[];
  };
  return Object.fromEntries(lanes.map(({ queue, level, totals }) => [`${queue}:${level}`, totals.put]));
}

/** The error of a batch that must not come about. */
function refusal(headers: Record<string, string>, options: BatchOptions = {}): Promise<unknown> {
  return createBatch(client, fileId, { headers, ...options }).then(
    () => Promise.reject(new Error('it was not refused')),
    (error: unknown) => error,
  );
}

describe('the completion window', () => {
  it.each([
    ['1m', 60],
    ['90m', 5_400],
    ['1h', 3_600],
    ['24h', 86_400],
    ['720h', 2_592_000],
    ['1d', 86_400],
    ['30d', 2_592_000],
  ])('may be %s', async (window, seconds) => {
    const batch = await createBatch(client, fileId, { completion_window: window });
    expect(batch).toMatchObject({ completion_window: window, expires_at: batch.created_at + seconds });
    await awaited(client, batch);
  });
});

describe('the level', () => {
  it('is 1 unless the header says otherwise', async () => {
    const before = await putCounts();
    for (const headers of [{}, { 'X-Millrace-Level': '0' }, { 'X-Millrace-Level': '7' }]) {
      await awaited(client, await createBatch(client, fileId, { headers }));
    }
    const after = await putCounts();
    const risen = Object.keys(after).filter((lane) => after[lane]! > (before[lane] ?? 0));
    expect(risen).toEqual(['default:0', 'default:1', 'default:7']);
  });

  it('decides who goes first', async () => {
    const gate = new Gate();
    const order: string[] = [];
    upstream.answerWith(async (request) => {
      order.push(askedIn(request));
      await gate.opened;
      return ECHO(request);
    });
    const first = await start(client, [line('running')]);
    await awaited(client, first, () => order.length === 1); // the only permit is taken
    const later = [];
    for (const level of [9, 2, 0, 5]) {
      const headers = { 'X-Millrace-Level': String(level) };
      later.push(await start(client, [line(`at ${level}`)], { headers }));
    }
    for (const batch of later) await awaited(client, batch, ({ status }) => status === 'in_progress');
    gate.open();
    for (const batch of later) await awaited(client, batch);
    expect(order).toEqual(['running', 'at 0', 'at 2', 'at 5', 'at 9']);
  });

  it.each(['10', '-1', 'high', '1.5', '01'])('cannot be %s', async (level) => {
    expect(await refusal({ 'X-Millrace-Level': level })).toMatchObject({
      status: 400,
      error: {
        message: `Invalid value: '${level}'. A level is a whole number from 0 to 9.`,
        type: 'invalid_request_error',
        param: 'X-Millrace-Level',
        code: 'invalid_value',
      },
    });
  });
});

describe('the queue', () => {
  it.each(['X-Millrace-Queue', 'X-BELLA-QUEUE-NAME'])('may be named in the header %s', async (name) => {
    const before = await putCounts();
    const batch = await createBatch(client, fileId, { headers: { [name]: 'side', 'X-Millrace-Level': '3' } });
    expect(await awaited(client, batch)).toMatchObject({ status: 'completed', request_counts: { completed: 1 } });
    expect((await putCounts())['side:3']).toBe((before['side:3'] ?? 0) + 1);
  });

  it.each([
    ['X-Millrace-Queue', 'nowhere'],
    ['X-BELLA-QUEUE-NAME', 'nowhere'],
    ['X-Millrace-Queue', 'theirs'],
  ])('must be one that the caller may use: %s: %s', async (header, name) => {
    expect(await refusal({ [header]: name })).toMatchObject({
      status: 400,
      error: {
        message: `No queue is named '${name}'.`,
        type: 'invalid_request_error',
        param: 'queue',
        code: 'queue_not_found',
      },
    });
  });

  it('must serve the endpoint', async () => {
    expect(await refusal({ 'X-Millrace-Queue': 'vectors' })).toMatchObject({
      status: 400,
      error: {
        message: "The queue 'vectors' serves '/v1/embeddings', but the batch is for '/v1/chat/completions'.",
        param: 'queue',
        code: 'invalid_value',
      },
    });
  });
});

describe('an Idempotency-Key', () => {
  it('gives the same batch again, as it is by then', async () => {
    const options = { headers: { 'Idempotency-Key': 'same' }, metadata: { a: '1' } };
    const [one, two] = await Promise.all([createBatch(client, fileId, options), createBatch(client, fileId, options)]);
    expect(two.id).toBe(one.id);
    const ended = await awaited(client, one);
    expect(await createBatch(client, fileId, options)).toEqual(ended);
    const listed = (await client.batches.list({ limit: 100 })).data.filter(({ metadata }) => metadata?.['a'] === '1');
    expect(listed).toHaveLength(1);
  });

  it('cannot stand for another request', async () => {
    const headers = { 'Idempotency-Key': 'other' };
    await createBatch(client, fileId, { headers });
    for (const change of [{ metadata: { b: '2' } }, { completion_window: '1h' }, { endpoint: '/v1/responses' }]) {
      expect(await refusal(headers, change)).toMatchObject({
        status: 422,
        error: {
          message: "The Idempotency-Key 'other' was used with another request. Use a new key for a new request.",
          type: 'invalid_request_error',
          param: null,
          code: 'idempotency_key_reused',
        },
      });
    }
  });

  it('is each tenant’s own', async () => {
    const headers = { 'Idempotency-Key': 'shared' };
    const one = await createBatch(client, fileId, { headers });
    const two = await start(foreign, [line('a')], { headers });
    expect(two.id).not.toBe(one.id);
  });

  it('is not used up by a refused request', async () => {
    const headers = { 'Idempotency-Key': 'again' };
    expect(await refusal(headers, { input_file_id: 'file-none' })).toMatchObject({ status: 404 });
    expect((await createBatch(client, fileId, { headers })).status).toBe('validating');
  });

  it('has at most 255 characters', async () => {
    await createBatch(client, fileId, { headers: { 'Idempotency-Key': 'k'.repeat(255) } });
    expect(await refusal({ 'Idempotency-Key': 'k'.repeat(256) })).toMatchObject({
      status: 400,
      error: {
        message: "Invalid 'Idempotency-Key': expected at most 255 characters.",
        param: 'Idempotency-Key',
        code: 'invalid_value',
      },
    });
  });
});

it('shows batches, their files and their results to their own tenant only', async () => {
  const batch = await run(client, [line('secret')]);
  const unknown = { status: 404, error: { message: `No batch found with id '${batch.id}'.`, param: null, code: null } };
  await expect(foreign.batches.retrieve(batch.id)).rejects.toMatchObject(unknown);
  await expect(foreign.batches.cancel(batch.id)).rejects.toMatchObject(unknown);
  await expect(foreign.batches.list({ after: batch.id })).rejects.toMatchObject(unknown);
  await expect(foreign.files.content(batch.output_file_id!)).rejects.toMatchObject({ status: 404 });
  await expect(createBatch(foreign, fileId)).rejects.toMatchObject({
    status: 404,
    error: { message: `No such File object: ${fileId}`, param: 'input_file_id' },
  });
  const own = await start(foreign, [line('a')]);
  const listed = (await foreign.batches.list()).data.map(({ id }) => id);
  expect(listed).toContain(own.id);
  expect(listed).not.toContain(batch.id);
});

it('goes on when its input file is deleted while it runs', async () => {
  const gate = new Gate();
  upstream.answerWith(async (request) => {
    await gate.opened;
    return ECHO(request);
  });
  const ids = Array.from({ length: 30 }, (_, index) => `n-${index}`);
  const batch = await start(
    client,
    ids.map((id) => line(id)),
  );
  await awaited(client, batch, ({ status }) => status === 'in_progress');
  await client.files.delete(batch.input_file_id);
  await expect(client.files.retrieve(batch.input_file_id)).rejects.toMatchObject({ status: 404 });
  await expect(createBatch(client, batch.input_file_id)).rejects.toMatchObject({ status: 404 });
  gate.open();
  const ended = await awaited(client, batch);
  expect(ended).toMatchObject({ status: 'completed', input_file_id: batch.input_file_id });
  expect(await customIdsOf(client, ended.output_file_id)).toEqual(ids);
});
