/**
 * Disks, or buckets, that have lost or changed what was stored. Whatever can be found out is found out and said, to the client and in the
 * log; no damaged file passes for a sound one, and no damaged batch holds up another.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { awaited, createBatch, resultsOf, start, textOf, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { PullWorker } from '../support/pull-worker.js';
import { ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';

const LINES = chatLines(600, { words: (n) => (n % 100 === 0 ? 'big_40' : null) });
const SOUND = LINES.slice(0, 5).map(({ text }) => text);
/** The files of a batch of so many lines are read and sent in several pieces. */
const PIECES = 2;

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());
beforeEach(async () => {
  await sim.control.change({ latencyMs: 5 });
  run = await FaultRun.prepare({ sim, lines: LINES });
});
afterEach(() => run.close());

/** Of the input file. */
async function inputKey(): Promise<string> {
  return keyOf((await run.client.files.retrieve(run.fileId!)).bytes);
}

/** Of the stored blob of exactly this size. */
async function keyOf(bytes: number): Promise<string> {
  const { place } = run.server;
  for (const key of await place.blobKeys()) if ((await place.blob(key)).length === bytes) return key;
  throw new Error(`no blob has ${bytes} bytes`);
}

async function spilledKeys({ place }: TestServer): Promise<string[]> {
  return (await place.blobKeys()).filter((key) => key.startsWith('spill_'));
}

async function inflictOn({ place }: TestServer, key: string, damaged: Damage): Promise<void> {
  await place.damageBlob(key, damaged(await place.blob(key)));
}

/** On the one answer that is kept in a blob. */
async function inflictOnSpilled(server: TestServer, damaged: Damage): Promise<void> {
  const spilled = await spilledKeys(server);
  expect(spilled).toHaveLength(1);
  await inflictOn(server, spilled[0]!, damaged);
}

/** Turns one bit over, which nothing but a look at all bytes can find. */
function flipBit(bytes: Buffer, at = bytes.length >> 1): Buffer {
  bytes[at]! ^= 1;
  return bytes;
}

function logged(words: string): boolean {
  return run.server.logs.some(
    ({ level, msg, err }) => level === 'error' && `${msg} ${JSON.stringify(err)}`.includes(words),
  );
}

/** What is left of it; null: nothing. */
type Damage = (bytes: Buffer) => Buffer | null;

const DAMAGES: readonly (readonly [damage: string, inflict: Damage])[] = [
  ['is missing', () => null],
  ['is cut short', (bytes) => bytes.subarray(0, -100)],
  ['has one bit turned over', (bytes) => flipBit(bytes)],
];

describe('the input file of a batch', () => {
  it.each(DAMAGES)('that %s fails its batch with a word, and no other', async (_, inflict) => {
    await run.restart();
    run.fileId = await upload(
      run.client,
      LINES.map(({ text }) => text),
    );
    await inflictOn(run.server, await inputKey(), inflict);
    const damaged = await createBatch(run.client, run.fileId);
    const sound = await start(run.client, SOUND);
    const ended = await awaited(run.client, damaged);
    expect(ended).toMatchObject({ status: 'failed', errors: { data: [{ code: 'input_file_damaged', line: null }] } });
    expect(await awaited(run.client, sound)).toMatchObject({ status: 'completed', request_counts: { completed: 5 } });
    expect(logged('the input file of a batch is missing or damaged')).toBe(true);
    await expect(textOf(run.client, run.fileId)).rejects.toThrow(/missing or damaged|terminated/);
  });

  it('that goes while the batch runs fails the lines that are left, each with a word', async () => {
    await sim.control.change({ latencyMs: 40 });
    await run.restart({ MILLRACE_MAX_TRIES: '1' });
    await run.submit();
    await run.ended(({ request_counts }) => request_counts!.completed >= 50);
    const key = await inputKey();
    await run.kill();
    await inflictOn(run.server, key, () => null);
    await run.restart();
    const { status, request_counts: counts, output_file_id, error_file_id } = await run.ended();
    expect(status).toBe('completed');
    expect(counts!.failed).toBeGreaterThan(0);
    const [good, bad] = [await resultsOf(run.client, output_file_id), await resultsOf(run.client, error_file_id)];
    expect([good.length, bad.length]).toEqual([counts!.completed, counts!.failed]);
    expect(new Set([...good, ...bad].map(({ custom_id }) => custom_id)).size).toBe(LINES.length);
    expect([...new Set(bad.map(({ error }) => error?.code))]).toEqual(['input_unreadable']);
    expect(logged('the input of a task could not be read')).toBe(true);
  });
});

describe('a result file', () => {
  it.each(DAMAGES)('that %s is not served as if nothing were', async (_, inflict) => {
    await run.restart();
    await run.complete();
    const id = run.batch!.output_file_id!;
    const { bytes } = await run.client.files.retrieve(id);
    const sound = await textOf(run.client, id);
    expect(Math.ceil(bytes / (256 * 1024))).toBeGreaterThanOrEqual(PIECES);
    await inflictOn(run.server, await keyOf(bytes), inflict);
    const response = await run.server.fetch(`/v1/files/${id}/content`);
    const body = await response.text().catch(() => 'broken off');
    expect(body).not.toBe(sound);
    if (response.status === 200) expect(body).toBe('broken off');
    else expect(response.status).toBe(500);
    await until(
      () => logged('the content of a file is missing or damaged'),
      (isLogged) => isLogged,
    );
    expect((await run.client.batches.retrieve(run.batch!.id)).status).toBe('completed');
  });
});

it('large answers that were lost or changed before their batch ended: their lines say so, and the others are there', async () => {
  await run.dieAt('finalize:page');
  const [lost, changed] = await spilledKeys(run.server);
  await inflictOn(run.server, lost!, () => null);
  await inflictOn(run.server, changed!, (bytes) => flipBit(bytes, 1_000));
  await run.restart();
  const { status, output_file_id, error_file_id } = await run.ended();
  expect(status).toBe('completed');
  expect(await resultsOf(run.client, output_file_id)).toHaveLength(LINES.length - 2);
  expect(await resultsOf(run.client, error_file_id)).toMatchObject([
    { response: null, error: { code: 'answer_lost' } },
    { response: null, error: { code: 'answer_lost' } },
  ]);
  expect(logged('its line goes into the error file')).toBe(true);
});

describe('the large answer of a single task that was lost or changed', () => {
  const WORDS = 'The answer was recorded, but the disk has lost or changed it since.';
  const LOST = { code: 'answer_lost', message: WORDS };
  let server: TestServer;
  let receiver: ScriptedUpstream;

  beforeEach(async () => {
    server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1' });
    receiver = await ScriptedUpstream.start(() => ({ body: '{}' }));
  });
  afterEach(async () => {
    await server.close();
    await receiver.close();
  });

  it.each(DAMAGES)('because it %s: whoever asks for it is told so', async (_, inflict) => {
    const worker = new PullWorker(server);
    await worker.makeQueue('chat');
    const call = (mode: string) => {
      const body = { endpoint: '/v1/x', queue: 'chat', level: 0, data: {}, response_mode: mode };
      return worker.ask('POST', 'put', body, { headers: { 'idempotency-key': 'k' } });
    };
    const answered = call('blocking');
    const [task] = await worker.take('chat:0', { wait_seconds: 30 });
    await worker.complete(task!, 'x'.repeat(40_000));
    expect((await answered).body).toHaveLength(40_000);
    await inflictOnSpilled(server, inflict);
    expect(await call('blocking')).toMatchObject({ status: 500, body: { code: 500, message: WORDS } });
    const stream = await server.fetch(`/v1/queue/${task!.task_id}/events`, {
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect(await stream.text()).toBe(`event:error\ndata:${JSON.stringify({ status_code: 500, error: LOST })}\n\n`);
    expect((await worker.task(task!.task_id)).result).toMatchObject({ status_code: 500, error: LOST });
  });

  it('is told of by its callback, too', async () => {
    const worker = new PullWorker(server);
    await worker.makeQueue('chat');
    receiver.answerWith(() => ({ status: 503, headers: { 'retry-after': '3600' }, body: '' }));
    const id = await worker.put('chat', { callback_url: receiver.url.replace('/v1', '/hook') });
    await worker.complete(await worker.takeOne('chat:0'), 'x'.repeat(40_000));
    const [{ id: callbackId }] = await until(
      async () => (await worker.get(`${id}/callbacks`)).data,
      ([callback]) => callback?.state === 'waiting' && callback.attempts.length === 1,
    );
    await inflictOnSpilled(server, () => null);
    await worker.post(`${id}/callbacks/${callbackId}/replay`);
    const [, second] = await receiver.requests.first(2);
    expect(JSON.parse(second!.body)).toMatchObject({ status_code: 500, error: LOST });
  });
});
