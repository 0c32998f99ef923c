/**
 * The server kills itself at each of its named crash points in the middle of a batch; the next one, on the same folder, must
 * go on by itself. Here a batch dies at one point after the other, so that each start but the last is also a crash; with
 * LONG=1 also at each by itself. The points around each write are in `write-points.spec.ts`.
 */
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { alterStore, blobPaths } from '../support/remains.js';
import { SimProcess } from '../support/sim-process.js';

const IS_LONG = process.env['LONG'] === '1';
const CHAIN_LIMIT_MS = 180_000;

/** Read in by three transactions. Some lines are refused by the upstream, some answers are too large for a row. */
const LINES = chatLines(1_200, (n) => (n % 300 === 7 ? 'status_400' : n % 100 === 3 ? 'big_40' : null));

/** In the order in which a batch comes to them, with the state that it is in then. */
const STEPS: readonly (readonly [point: string, phase: string])[] = [
  ['ingest:reading', 'validating'],
  ['ingest:inserted', 'being read in'],
  ['dispatch:leased:30', 'in_progress'],
  ['dispatch:answered:30', 'in_progress'],
  ['dispatch:recorded:30', 'in_progress'],
  ['blob.before_rename:3', 'in_progress'],
  ['blob.after_rename:3', 'in_progress'],
  ['finalize:page', 'finalizing'],
  ['finalize:page:3', 'finalizing'],
  ['finalize:written', 'finalizing'],
  ['finalize:finished', 'completed'],
];

let sim: SimProcess;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());
beforeEach(async () => {
  await sim.control.change({ latencyMs: 5 });
  run = await FaultRun.prepare({ sim, lines: LINES, env: { MILLRACE_CANCEL_GRACE: '200ms' } });
});
afterEach(() => run.close());

/** Dies there, and looks at what is left. */
async function expectDeath(point: string, phase: string, work?: () => Promise<unknown>): Promise<void> {
  await run.dieAt(point, work);
  const left = await run.examine(async (remains) => {
    const [batch] = remains.rows<{ state: string; ingested: number; total: number }>('SELECT * FROM batch');
    const isReadIn = batch === undefined || batch.ingested === batch.total;
    return { phase: isReadIn ? batch?.state : 'being read in', problems: await remains.problems() };
  });
  expect(left, `after the death at ${point}`).toEqual({ phase, problems: [] });
}

describe('a batch', () => {
  it(
    'survives a death at every step of its life',
    async () => {
      for (const [point, phase] of STEPS) await expectDeath(point, phase);
      await run.restart();
      const report = await run.finish(({ rescued }) => ({ 'leases that a next server took back': rescued }));
      expect(report.problems).toEqual([]);
      expect(run.batch!.status).toBe('completed');
      expect(report.inFlightAtKills).toBe(run.rescuedAsSaid);
    },
    CHAIN_LIMIT_MS,
  );

  it.each(IS_LONG ? STEPS : [])('survives a death at %s', async (point, phase) => {
    await expectDeath(point, phase);
    await run.restart();
    const report = await run.finish(({ kills }) => ({ kills }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('completed');
    if (point.startsWith('dispatch:')) expect(run.rescuedAsSaid).toBeGreaterThan(0);
  });

  it('survives deaths of servers that take back what an earlier one was running', async () => {
    await run.dieAt('dispatch:answered:30');
    await run.dieAt('write:task-rescue:before');
    await run.dieAt('write:task-rescue:after');
    await run.dieAt('dispatch:leased');
    await run.restart();
    const report = await run.finish(({ rescued }) => ({ 'leases that the last server took back': rescued }));
    expect(report.problems).toEqual([]);
    expect(report.inFlightAtKills).toBeGreaterThan(run.rescuedAsSaid); // The third one died before it could say so.
  });
});

describe('a cancelled batch', () => {
  const ITS_STEPS: typeof STEPS = [
    ['write:batch-settle:after', 'cancelling'],
    ['finalize:page', 'cancelling'],
    ['finalize:written', 'cancelling'],
    ['finalize:finished', 'cancelled'],
  ];

  async function cancelHalfway(): Promise<void> {
    await run.submit();
    await run.ended(({ status, request_counts }) => status === 'cancelling' || request_counts!.completed > 0);
    await run.client.batches.cancel(run.batch!.id);
    await run.ended();
  }

  async function expectCancelled(): Promise<void> {
    await run.restart();
    const report = await run.finish(({ batch: { request_counts: counts } }) => ({
      'lines that were run': counts!.completed,
      'lines that were not run': LINES.length - counts!.completed - counts!.failed,
    }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('cancelled');
  }

  beforeEach(() => sim.control.change({ latencyMs: 50 }));

  it(
    'survives a death at every step of its end',
    async () => {
      for (const [point, phase] of ITS_STEPS) await expectDeath(point, phase, cancelHalfway);
      await expectCancelled();
    },
    CHAIN_LIMIT_MS,
  );

  it.each(IS_LONG ? ITS_STEPS : [])('survives a death at %s', async (point, phase) => {
    await expectDeath(point, phase, cancelHalfway);
    await expectCancelled();
  });
});

describe('a batch that is stopped while it is read in', () => {
  /** As the server itself would have done it, had it not been killed at once. */
  const STOPS: readonly (readonly [status: string, change: string])[] = [
    ['cancelled', "state = 'cancelling', outcome = 'cancelled', cancelling_at = created_at"],
    ['expired', 'expires_at = created_at'],
  ];

  it.each(STOPS)('is %s with every line accounted for', async (status, change) => {
    await expectDeath('ingest:inserted', 'being read in');
    expect(alterStore(run.server.dataDir, `UPDATE batch SET ${change}`)).toBe(1);
    await run.dieAt('ingest:inserted');
    await run.restart();
    const report = await run.finish(({ kills }) => ({ kills }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe(status);
  });
});

describe('an upload', () => {
  /** With the number of blobs that nothing refers to and that the next server has to find. */
  const ITS_STEPS: readonly (readonly [point: string, orphans: number])[] = [
    ['upload:streaming:2', 0],
    ['blob.before_rename', 0],
    ['blob.after_rename', 1],
    ['upload:before-row', 1],
  ];

  async function expectNothingLeft(orphans: number): Promise<void> {
    expect((await run.client.files.list()).data).toEqual([]);
    expect(await readdir(join(run.server.dataDir, 'tmp'))).toEqual([]);
    if (orphans > 0) await run.server.logged(({ deleted }) => deleted === orphans);
    expect(await blobPaths(run.server.dataDir)).toEqual(new Map());
  }

  it(
    'leaves nothing when it is cut off, and can be made again',
    async () => {
      let orphans = 0;
      for (const [point, orphansLeft] of ITS_STEPS) {
        await run.dieAt(point, async () => {
          await expectNothingLeft(orphans);
          await run.complete();
        });
        orphans = orphansLeft;
        const left = await blobPaths(run.server.dataDir);
        expect(left.size).toBe(orphans);
        // A young blob may belong to a row that is being written; these are made to look old.
        for (const path of left.values()) await utimes(path, new Date(0), new Date(0));
      }
      await run.restart();
      await expectNothingLeft(orphans);
      expect((await run.finish(({ kills }) => ({ kills }))).problems).toEqual([]);
    },
    CHAIN_LIMIT_MS,
  );
});
