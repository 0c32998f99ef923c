/**
 * A server whose disk fills up under an upload, under its store, and under the files of a batch that has ended. It must say
 * so, tear nothing, and go on by itself when there is room again.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FolderPlace } from '../support/folder-place.js';
import { chatLines, type ChatLine } from '../support/chat-lines.js';
import { FaultRun, refuseOthers } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';
import { SmallDisk } from '../support/small-disk.js';
import { until } from '../support/until.js';
import { errorOf, jsonl, LINE, storedBlobs } from '../support/uploads.js';

const MIB = 1024 * 1024;
const BIG_TEXT = LINE.repeat(Math.ceil((6 * MIB) / LINE.length));

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let disk: SmallDisk;
let run: FaultRun;

beforeEach(async () => {
  sim = await SimProcess.start();
  disk = await SmallDisk.make(64);
});
afterEach(async () => {
  await run.close();
  await sim.close();
});

/** @param reserve what the server is to keep free by itself; nothing, so that it runs into the end of the disk */
async function begin(lines: readonly ChatLine[], reserve = '0B'): Promise<void> {
  run = await FaultRun.prepare({
    sim,
    lines,
    place: await FolderPlace.make(disk),
    env: { MILLRACE_MIN_FREE_DISK: reserve },
  });
  await run.restart();
}

async function postFile(text: string): Promise<Response> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', await jsonl('big.jsonl', text));
  return run.server.fetch('/v1/files', { method: 'POST', body: form });
}

async function expectRefusal(response: Response): Promise<void> {
  expect(response.status).toBe(507);
  expect(response.headers.get('x-should-retry')).toBe('false');
  expect(await errorOf(response)).toMatchObject({
    code: 'insufficient_storage',
    message: expect.stringMatching(/disk/) as string,
  });
}

describe('a disk that is full', () => {
  it.each([
    ['to the last byte', '0B', 2 * MIB],
    ['up to the reserve', '4MiB', 5 * MIB],
  ])(
    '%s refuses uploads and nothing else, leaves nothing of them, and takes them again later',
    async (_, reserve, left) => {
      await begin(chatLines(20), reserve);
      await run.complete();
      const before = await storedBlobs(run.server);
      await disk.fill(left);
      await expectRefusal(await postFile(BIG_TEXT));
      expect(await storedBlobs(run.server)).toEqual(before);
      expect((await run.client.files.list({ purpose: 'batch' })).data).toHaveLength(1);
      expect(await (await run.client.files.content(run.batch!.output_file_id!)).text()).not.toBe('');
      await disk.makeRoom();
      const { id } = (await (await postFile(BIG_TEXT)).json()) as { id: string };
      expect(await (await run.client.files.content(id)).text()).toBe(BIG_TEXT);
      await run.client.files.delete(id);
      await run.client.files.delete(run.fileId!);
      const report = await run.finish(() => ({ 'bytes that did not fit': BIG_TEXT.length - left }));
      expect(report.problems).toEqual([]);
    },
  );

  it('refuses what would have to be written down, and stays up', async () => {
    await begin(chatLines(20));
    await run.complete();
    await disk.fill();
    const create = (): Promise<Response> =>
      run.server.fetch('/v1/batches', {
        method: 'POST',
        headers: { authorization: `Bearer ${run.server.adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          input_file_id: run.fileId,
          endpoint: '/v1/chat/completions',
          completion_window: '24h',
          metadata: { padding: 'x'.repeat(500) },
        }),
      });
    // The log of the store has some room of its own left.
    const accepted: string[] = [];
    let refused = await create();
    for (; refused.ok; refused = await create()) accepted.push(((await refused.json()) as { id: string }).id);
    await expectRefusal(refused);
    expect((await run.server.fetch('/livez')).status).toBe(200);
    expect((await run.client.batches.retrieve(run.batch!.id)).status).toBe('completed');
    await disk.makeRoom();
    const again = await create();
    expect(again.status).toBe(200);
    accepted.push(((await again.json()) as { id: string }).id);
    await until(
      () => Promise.all(accepted.map((id) => run.client.batches.retrieve(id))),
      (batches) => batches.every(({ status }) => status === 'completed'),
    );
    expect((await run.client.batches.list({ limit: 100 })).data).toHaveLength(accepted.length + 1);
    expect(await run.server.stop()).toEqual({ code: 0, signal: null });
    expect(await run.examine((remains) => remains.problems())).toEqual([]);
  });

  it('during a batch holds up its answers, and asks the upstream for none of them twice', async () => {
    await sim.control.change({ latencyMs: 20 });
    await begin(chatLines(2_000, { words: (n) => (n % 5 === 0 ? 'big_40' : null) }));
    await run.submit();
    await run.ended(({ request_counts }) => request_counts!.completed >= 100);
    await disk.fill();
    const { msg } = await run.server.logged((line) => line.msg.startsWith('a result could not be stored'));
    expect(msg).toContain('disk');
    await until(
      () => sim.control.stats(),
      ({ inFlight }) => inFlight === 0,
    );
    const { completed } = (await run.client.batches.retrieve(run.batch!.id)).request_counts!;
    await disk.makeRoom();
    const report = await run.finish(() => ({ 'answers that had to wait': run.lines.length - completed }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
    expect(run.batch!.status).toBe('completed');
  });

  it('under the files of a batch leaves none of them half-written, and they follow', async () => {
    const lines = chatLines(600, { words: (n) => (n === 600 ? 'sleep_3000ms' : 'big_30') });
    await begin(lines);
    await run.submit();
    await run.ended(({ request_counts }) => request_counts!.completed === lines.length - 1);
    await disk.fill(8 * MIB); // The last answer fits in, but not a file of 18 MB.
    await run.server.logged(({ msg }) => msg.startsWith('a batch could not be finalized'));
    expect(await run.client.batches.retrieve(run.batch!.id)).toMatchObject({
      status: 'finalizing',
      output_file_id: null,
    });
    expect((await run.client.files.list({ purpose: 'batch_output' })).data).toEqual([]);
    expect(await run.client.models.list()).toMatchObject({ object: 'list' });
    await disk.makeRoom();
    const report = await run.finish(() => ({ 'files that did not fit': 1 }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
    expect(await readdir(join(run.server.dataDir, 'tmp'))).toEqual([]);
    expect(run.batch!.status).toBe('completed');
  });

  it('when the server starts: it says so, or starts; with room again nothing is lost', async () => {
    await sim.control.change({ latencyMs: 20 });
    await begin(chatLines(400));
    await run.submit();
    await run.ended(({ request_counts }) => request_counts!.completed >= 50);
    await run.kill();
    await disk.fill();
    const second = run.server.launch();
    const hasStarted = await second
      .printed((text) => (text.includes('is listening on') ? true : null))
      .catch(refuseOthers);
    process.stdout.write(`on a full disk: ${second.lines.at(-1)!}\n`);
    if (hasStarted) second.send('SIGKILL');
    run.kills += hasStarted ? 1 : 0;
    expect(await second.ended).toEqual(hasStarted ? { code: null, signal: 'SIGKILL' } : { code: 1, signal: null });
    if (!hasStarted) expect(second.lines.at(-1)).toMatch(/millrace cannot go on: .*(full|space)/);
    await disk.makeRoom();
    await run.restart();
    const report = await run.finish(({ kills }) => ({ kills }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('completed');
  });
});
