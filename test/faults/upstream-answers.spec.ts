/**
 * Every way in which the answer to a line can go wrong, in one batch, among lines that are answered: each ends as it should,
 * after as many calls as it should. Then upstreams of which nothing works, until they are well again.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { resultsOf, type ResultLine } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { ConsoleClient } from '../support/console.js';
import { FaultRun } from '../support/fault-run.js';
import type { ServerEnv } from '../support/server.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';

const MAX_TRIES = 2;

interface End {
  /** What the simulator is told to do with the line. */
  words: string;
  calls: number;
  /** The status of a recorded answer, or the code of an error. */
  end: number | string;
}

const ENDS: readonly End[] = [
  { words: 'status_400', calls: 1, end: 400 },
  { words: 'status_404', calls: 1, end: 404 },
  { words: 'status_408', calls: MAX_TRIES, end: 408 },
  { words: 'status_429_once', calls: 2, end: 200 },
  { words: 'status_503_once', calls: 2, end: 200 },
  { words: 'status_500_once', calls: 2, end: 200 },
  { words: 'status_500', calls: MAX_TRIES, end: 500 },
  { words: 'status_504', calls: MAX_TRIES, end: 504 },
  { words: 'garbage', calls: MAX_TRIES, end: 'invalid_upstream_response' },
  { words: 'wrong_type', calls: MAX_TRIES, end: 'invalid_upstream_response' },
  { words: 'truncated', calls: MAX_TRIES, end: 'upstream_connection_failed' },
  { words: 'reset', calls: MAX_TRIES, end: 'upstream_connection_failed' },
  { words: 'drop', calls: MAX_TRIES, end: 'upstream_connection_failed' },
  { words: 'drop_once', calls: 2, end: 200 },
  { words: 'endless', calls: 1, end: 'response_too_large' },
  { words: 'drip', calls: MAX_TRIES, end: 'request_timeout' },
  { words: 'hang', calls: MAX_TRIES, end: 'request_timeout' },
  { words: 'sleep_800ms', calls: 1, end: 200 },
];
/** Far enough from each other that the breaker sees a bad line now and then, not a bad upstream. */
const EVERY = 60;
const LINES = chatLines(3_600, { words: (n) => (n % EVERY === 0 ? (ENDS[n / EVERY - 1]?.words ?? null) : null) });
const customIdOf = (place: number) => `line-${(place + 1) * EVERY}`;

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;

beforeEach(async () => {
  sim = await SimProcess.start();
});
afterEach(async () => {
  await run.close();
  await sim.close();
});

async function begin(options: Partial<SimOptions>, env: ServerEnv, lines = LINES): Promise<void> {
  await sim.control.change(options);
  run = await FaultRun.prepare({ sim, lines, env });
  await run.restart();
  await run.submit();
}

function endOf({ response, error }: ResultLine): number | string | undefined {
  return response?.status_code ?? error?.code;
}

async function whyWaiting(): Promise<string> {
  return String((await new ConsoleClient(run.server).get('stats')).lanes[0]?.waits_because);
}

it('each bad answer ends its own line, and says why', async () => {
  const env = {
    MILLRACE_MAX_TRIES: `${MAX_TRIES}`,
    MILLRACE_MAX_RESULT: '1MiB',
    MILLRACE_IDLE_TIMEOUT: '1500ms',
    MILLRACE_REQUEST_TIMEOUT: '3s',
    MILLRACE_UPSTREAM_CONCURRENCY: '32',
  };
  await begin({ latencyMs: 100, retryAfterSeconds: 0.2 }, env);
  await run.ended();
  const { output_file_id, error_file_id } = run.batch!;
  const results = [...(await resultsOf(run.client, output_file_id)), ...(await resultsOf(run.client, error_file_id))];
  const ends = new Map(results.map((line) => [line.custom_id, endOf(line)]));
  const calls = await sim.control.calls();
  const seen = ENDS.map(({ words }, place) => ({
    words,
    calls: calls[customIdOf(place)],
    end: ends.get(customIdOf(place)),
  }));
  expect(seen).toEqual(ENDS);
  expect(results.filter(({ error }) => error !== null && error.message === '')).toEqual([]);
  const report = await run.finish(({ batch }) => ({ 'lines that failed': batch.request_counts!.failed }), {
    retried: ENDS.map((_, place) => customIdOf(place)),
  });
  expect(report).toMatchObject({ problems: [], extraCalls: 0 });
  expect(run.batch).toMatchObject({
    status: 'completed',
    request_counts: { failed: ENDS.filter(({ end }) => end !== 200).length },
  });
});

describe('an upstream of which nothing works', () => {
  const FEW = chatLines(300);

  it('answers every call with 500: each line is tried as often as it may be, and the batch ends', async () => {
    await begin({ rate500: 1 }, { MILLRACE_MAX_TRIES: `${MAX_TRIES}` }, FEW);
    await run.ended();
    const calls = Object.values(await sim.control.calls());
    expect(calls).toEqual(Array(FEW.length).fill(MAX_TRIES));
    expect(run.batch).toMatchObject({
      status: 'completed',
      output_file_id: null,
      request_counts: { failed: FEW.length },
    });
    const ends = await resultsOf(run.client, run.batch!.error_file_id);
    expect(new Set(ends.map(endOf))).toEqual(new Set([500]));
    const report = await run.finish(({ failures }) => ({ 'lines that were tried again': failures }));
    expect(report.problems).toEqual([]);
  });

  it('says 429 to everybody for a while: it is asked no more than it must be, and no try is lost', async () => {
    await begin({ rate429: 1, retryAfterSeconds: 1, latencyMs: 5 }, { MILLRACE_MAX_TRIES: '1' }, FEW);
    await until(whyWaiting, (why) => why.includes('asked not to be called before'));
    // One wave of calls, then at most one question each second: not one call a line.
    const { byStatus } = await until(
      () => sim.control.stats(),
      (stats) => (stats.byStatus['429'] ?? 0) > 16,
    );
    expect(byStatus['429']).toBeLessThan(100);
    await sim.control.change({ rate429: 0 });
    const retried = FEW.map(({ customId }) => customId);
    const report = await run.finish(() => ({ 'calls that were too many': byStatus['429'] ?? 0 }), { retried });
    expect(report.problems).toEqual([]);
    expect(run.batch!.request_counts!.completed).toBe(FEW.length);
    expect(await run.examine((remains) => remains.failures())).toEqual({});
  });

  it.each([
    ['answers no call', { rateHang: 1 }, { MILLRACE_IDLE_TIMEOUT: '300ms' }],
    ['breaks off every answer', { rateTruncated: 1 }, {}],
  ])('%s: it is given a rest, is asked again, and gets the batch', async (_, rates, env) => {
    await begin({ ...rates, latencyMs: 5 }, env, FEW);
    await until(whyWaiting, (why) => why.includes('has not worked since'));
    const { requests } = await sim.control.stats();
    await sim.control.change({ rateHang: 0, rateTruncated: 0 });
    await run.ended();
    expect(await whyWaiting()).toBe('null');
    const report = await run.finish(({ failures }) => ({ 'lines that were tried again': failures, requests }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0 });
    expect(requests).toBeLessThan(FEW.length);
    expect(run.batch!.request_counts!.completed).toBe(FEW.length);
  });
});
