/**
 * The server kills itself at each of its named crash points in the middle of a batch; the next one, on the same folder, must
 * go on by itself. Here a batch dies at one point after the other, so that each start but the last is also a crash; with
 * LONG=1 also at each by itself. The points around each write are in `write-points.spec.ts`, those of an upload in
 * `upload-crash.spec.ts`.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_LOSSES } from '../../src/store/procedures/task.procedures.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';

const IS_LONG = process.env['LONG'] === '1';

/**
 * Read in by three transactions. Some lines are refused by the upstream, some have answers that are too large for a row, and
 * some are so large themselves that they are streamed.
 */
const LINES = chatLines(1_200, {
  words: (n) => (n % 300 === 7 ? 'status_400' : n % 100 === 3 ? 'big_40' : null),
  padding: (n) => (n % 100 === 11 ? 300_000 : 500),
});

const REFUSED = 4;

/** In the order in which a batch comes to them, with its state then. */
const STEPS: readonly (readonly [point: string, state: string])[] = [
  ['ingest:reading', 'validating'],
  ['ingest:inserted', 'in_progress'],
  ['dispatch:leased:30', 'in_progress'],
  ['dispatch:answered:30', 'in_progress'],
  ['dispatch:recorded:30', 'in_progress'],
  ['blob.before_commit:3', 'in_progress'],
  ['blob.after_commit:3', 'in_progress'],
  ['finalize:page', 'finalizing'],
  ['finalize:page:3', 'finalizing'],
  ['finalize:written', 'finalizing'],
  ['finalize:finished', 'completed'],
];

vi.setConfig({ testTimeout: 300_000 });

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

/** Dies there, and looks at what is left. Resolves with how many lines were still to be read in. */
async function expectDeath(point: string, state: string): Promise<number> {
  await run.dieAt(point);
  const { toRead, ...left } = await run.examine(async (remains) => ({
    state: await remains.value<string>('SELECT state FROM batch'),
    problems: await remains.problems(),
    toRead: (await remains.value<number>('SELECT total - ingested FROM batch')) ?? 0,
  }));
  expect(left, `after the death at ${point}`).toEqual({ state, problems: [] });
  return toRead;
}

describe('a batch', () => {
  it('survives a death at every step of its life', async () => {
    let readLater = 0;
    for (const [point, state] of STEPS) readLater = Math.max(readLater, await expectDeath(point, state));
    await run.restart();
    const report = await run.finish(({ rescued }) => ({
      'lines that a next server read in': readLater,
      'leases that a next server took back': rescued,
    }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('completed');
    expect(run.batch!.request_counts!.failed).toBe(REFUSED);
    expect(report.inFlightAtKills).toBe(run.rescuedAsSaid);
  });

  it.each(IS_LONG ? STEPS : [])('survives a death at %s', async (point, state) => {
    await expectDeath(point, state);
    await run.restart();
    const report = await run.finish(({ kills }) => ({ kills }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('completed');
    expect(run.batch!.request_counts!.failed).toBe(REFUSED);
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

// oxlint-disable-next-line vitest/no-conditional-tests -- twenty deaths take a minute
if (IS_LONG) {
  it('a line that takes the server down with it is given up in the end', async () => {
    run = await FaultRun.prepare({ sim, lines: LINES.slice(0, 1) });
    for (let time = 1; time <= MAX_LOSSES; time += 1) await run.dieAt('dispatch:leased');
    await run.restart();
    const report = await run.finish(({ rescued }) => ({ 'times that it was lost': rescued }));
    expect(report.problems).toEqual([]);
    expect(report.inFlightAtKills).toBe(MAX_LOSSES);
    expect(run.batch!.request_counts).toEqual({ total: 1, completed: 0, failed: 1 });
  });
}

describe('a batch that is stopped while it is read in', () => {
  /** As the server itself would have done it, had it not been killed at once. */
  const STOPS: readonly (readonly [status: string, change: string])[] = [
    ['cancelled', "state = 'cancelling', outcome = 'cancelled', cancelling_at = created_at"],
    ['expired', 'expires_at = created_at'],
  ];

  it.each(STOPS)('is %s with every line accounted for', async (status, change) => {
    expect(await expectDeath('ingest:inserted', 'in_progress')).toBeGreaterThan(0);
    expect(await run.server.place.alter(`UPDATE batch SET ${change}`)).toBe(1);
    await run.restart();
    const report = await run.finish(({ kills }) => ({ kills }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe(status);
  });
});
