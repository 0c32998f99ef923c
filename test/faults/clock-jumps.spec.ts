/** A server whose wall clock is set, by hours and in the middle of its work. Nothing may come early, late or twice for it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';
import { newPlace } from '../support/new-place.js';
import { until } from '../support/until.js';
import { jsonl } from '../support/uploads.js';
import { CLOCK_KINDS, WrongClock } from '../support/wrong-clock.js';

const HOUR_MS = 3_600_000;
const PACE = { latencyMs: 40, retryAfterSeconds: 0.3 };
/** Every tenth is tried again a little later, every 25th is told to wait, every 40th takes its time. */
const LINES = chatLines(600, {
  words: (n) => {
    if (n % 10 === 0) return 'status_500_once';
    if (n % 25 === 0) return 'status_429_once';
    return n % 40 === 1 ? 'sleep_1500ms' : null;
  },
});
const TRIED_TWICE = LINES.filter(({ text }) => text.includes('status_500_once')).map(({ customId }) => customId);
const TOLD_TO_WAIT = LINES.filter(({ text }) => text.includes('status_429_once')).map(({ customId }) => customId);

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;
let clock: WrongClock;

beforeAll(async () => {
  sim = await SimProcess.start(PACE);
});
afterAll(() => sim.close());
afterEach(() => run.close());

/** Sets the clock, and waits until the server has written something under the new time. */
async function jump(hours: number): Promise<void> {
  await clock.set(hours);
  const seen = run.server.logs.length;
  await until(
    async () => {
      await run.server.fetch('/v1/models');
      return run.server.logs.slice(seen);
    },
    (lines) =>
      lines.some(({ time }) => Math.abs(Date.parse(String(time)) - Date.now() - hours * HOUR_MS) < HOUR_MS / 2),
  );
}

describe.each(CLOCK_KINDS)('a clock that is set while a batch runs (%s)', (kind) => {
  async function begin(): Promise<void> {
    const place = await newPlace();
    clock = new WrongClock(kind, place.folder);
    await clock.set(0);
    run = await FaultRun.prepare({ sim, lines: LINES, place, env: { ...clock.env, MILLRACE_LOG_LEVEL: 'debug' } });
    await run.restart();
    await run.submit();
  }

  it('an hour ahead and two back: nothing expires early, every lease holds, what is to be tried again is', async () => {
    await begin();
    const { client } = run;
    // Older than this after the first jump, if the server went by the wall clock.
    const expiry = { anchor: 'created_at', seconds: 3_600 } as const;
    const brief = await client.files.create({ file: await jsonl(), purpose: 'batch', expires_after: expiry });
    await run.ended(({ request_counts }) => request_counts!.completed >= 50);
    await jump(1);
    await run.ended(({ request_counts }) => request_counts!.completed >= 150);
    await jump(-2);
    await run.ended(({ request_counts }) => request_counts!.completed >= 250);
    await jump(1);
    expect(await client.files.retrieve(brief.id)).toEqual(brief);
    await run.ended();
    const calls = await sim.control.calls();
    const report = await run.finish(
      ({ failures }) => ({ 'lines that were tried again': failures, 'jumps of the clock': 3 }),
      { retried: TOLD_TO_WAIT },
    );
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
    expect(run.batch).toMatchObject({ status: 'completed', request_counts: { completed: LINES.length, failed: 0 } });
    const twice = [...new Set([...TRIED_TWICE, ...TOLD_TO_WAIT])].sort();
    expect(
      Object.keys(calls)
        .filter((id) => calls[id]! > 1)
        .sort(),
    ).toEqual(twice);
    expect(twice.filter((id) => calls[id] !== 2)).toEqual([]);
  });

  it('two hours back while its upstream is given a rest: the rest ends all the same', async () => {
    await begin();
    const operator = new ConsoleClient(run.server);
    const whyWaiting = async () => String((await operator.get('stats')).lanes[0].waits_because);
    await run.ended(({ request_counts }) => request_counts!.completed >= 50);
    await sim.kill();
    await until(whyWaiting, (why) => why.includes('has not worked since'));
    await jump(-2);
    await sim.restart(PACE);
    const report = await run.finish(({ failures }) => ({ 'lines whose call broke off': failures }), {
      isUpstreamForgetful: true,
    });
    expect(report.problems).toEqual([]);
    expect(run.batch).toMatchObject({ status: 'completed', request_counts: { completed: LINES.length, failed: 0 } });
  });
});
