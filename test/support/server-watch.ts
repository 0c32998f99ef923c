/** What a server has to bear: memory and stalls of its event loop while a test does its worst. Needs Linux. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import type { TestServer } from './server.js';

export interface Strain {
  /** Looks at the event loop. */
  rounds: number;
  /** Processor time for which the event loop answered nobody, at most; see `stall-probe.js`. */
  longestStallMs: number;
  /** By the wall clock, so with all that the machine had to do besides. */
  longestAnswerMs: number;
  /**
   * Memory that it held at most before the beginning, and at most since. Not what it held at the beginning: how much garbage
   * lies about at one moment is chance.
   */
  earlierPeakBytes: number;
  peakRssBytes: number;
}

const MiB = 1024 * 1024;

export const CAN_WATCH = process.platform === 'linux';

export class ServerWatch {
  private constructor(private readonly worker: Worker) {}

  /** Watches the process that runs now. */
  static async start({ url, pid }: TestServer): Promise<ServerWatch> {
    const worker = new Worker(join(import.meta.dirname, 'stall-probe.js'), { workerData: { url, pid } });
    await once(worker, 'online');
    return new ServerWatch(worker);
  }

  /** What was seen so far was good work: what bad input may take is measured by it. */
  begin(): void {
    this.worker.postMessage('begin');
  }

  async report(): Promise<Strain> {
    this.worker.postMessage('report');
    const [strain] = (await once(this.worker, 'message')) as [Strain];
    return strain;
  }

  async stop(): Promise<void> {
    this.worker.postMessage('stop');
    await once(this.worker, 'exit');
  }
}

/** Fails the test of a server that stopped answering or grew; prints what was measured either way. */
export function expectUnstrained(what: string, strain: Strain, mayGrowMiB = 64): void {
  const { rounds, longestStallMs, longestAnswerMs, earlierPeakBytes, peakRssBytes } = strain;
  const [stall, answer, growth, peak] = [
    longestStallMs,
    longestAnswerMs,
    (peakRssBytes - earlierPeakBytes) / MiB,
    peakRssBytes / MiB,
  ];
  process.stdout.write(
    `${what}: longest stall ${stall.toFixed(0)} ms (by the clock ${answer.toFixed(0)} ms, ${rounds} looks), ` +
      `memory + ${growth.toFixed(1)} MiB to ${peak.toFixed(0)} MiB\n`,
  );
  expect(rounds).toBeGreaterThan(50);
  expect(stall).toBeLessThanOrEqual(100);
  expect(growth).toBeLessThanOrEqual(mayGrowMiB);
}
