/** Batches whose upstream dies, is overrun, slow or broken. Every line must still get its answer, or a word why not. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import type { ServerEnv } from '../support/server.js';
import { SimProcess } from '../support/sim-process.js';

const LINES = chatLines(400);

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

async function begin(options: Partial<SimOptions>, env: ServerEnv = {}): Promise<void> {
  await sim.control.change(options);
  run = await FaultRun.prepare({ sim, lines: LINES, env });
  await run.restart();
  await run.submit();
}

async function untilHalfway(): Promise<void> {
  await run.ended(({ request_counts }) => request_counts!.completed >= 50);
}

describe('an upstream that is killed and comes back', () => {
  /** Long enough that half of the batch is still to come when a poll on a busy machine sees the other half. */
  const OPTIONS = { latencyMs: 80 };

  it('gets the rest of the batch', async () => {
    await begin(OPTIONS);
    await untilHalfway();
    await sim.kill();
    await sim.restart(OPTIONS);
    const report = await run.finish(({ failures }) => ({ 'lines whose call broke off': failures }), {
      isUpstreamForgetful: true,
    });
    expect(report).toMatchObject({ problems: [], inFlightAtKills: 0 });
    expect(run.batch!.request_counts).toEqual({ total: LINES.length, completed: LINES.length, failed: 0 });
  });

  it('gets it also when the server dies while there is no upstream', async () => {
    await begin(OPTIONS);
    await untilHalfway();
    await sim.kill();
    await run.kill();
    await run.restart();
    await run.kill();
    await sim.restart(OPTIONS);
    await run.restart();
    const report = await run.finish(({ rescued }) => ({ 'leases that a next server took back': rescued }), {
      isUpstreamForgetful: true,
    });
    expect(report.problems).toEqual([]);
    expect(run.batch!.request_counts).toEqual({ total: LINES.length, completed: LINES.length, failed: 0 });
  });
});

describe('an upstream that is up, but not well', () => {
  it('says "too many" to most calls: each line is answered once', async () => {
    await begin({ latencyMs: 10, concurrencyLimit: 3, retryAfterSeconds: 0.05 });
    await run.ended();
    const { byStatus } = await sim.control.stats();
    const report = await run.finish(() => ({ 'calls that were too many': byStatus['429'] ?? 0 }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0 });
    expect(run.batch!.request_counts).toEqual({ total: LINES.length, completed: LINES.length, failed: 0 });
  });

  it('is slow, and now and then very slow: each line is called once', async () => {
    await begin({ latencyMs: 30, latencyP99Ms: 1_500 });
    await run.ended();
    const { maxInFlight } = await sim.control.stats();
    const report = await run.finish(() => ({ 'calls at the same time': maxInFlight }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0 });
  });

  it('is halted for so long that calls time out, and goes on: each line is answered', async () => {
    await begin({ latencyMs: 30 }, { MILLRACE_IDLE_TIMEOUT: '300ms' });
    await untilHalfway();
    sim.send('SIGSTOP');
    await delay(2_000);
    sim.send('SIGCONT');
    const report = await run.finish(({ failures }) => ({ 'calls that timed out': failures }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0 });
    expect(run.batch!.request_counts).toEqual({ total: LINES.length, completed: LINES.length, failed: 0 });
  });

  it('breaks in every way there is: each line has an answer or an error', async () => {
    const rates = { rate500: 0.1, rateHang: 0.02, rateGarbage: 0.05, rateTruncated: 0.05 };
    await begin({ latencyMs: 5, ...rates }, { MILLRACE_REQUEST_TIMEOUT: '1s', MILLRACE_MAX_TRIES: '2' });
    const report = await run.finish(({ failures, batch }) => ({
      'lines that were tried again': failures,
      'lines that failed for good': batch.request_counts!.failed,
    }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0 });
  });
});
