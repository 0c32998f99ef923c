/** Two lanes of different depths, asked for the same in turn, so that what else the machine does meets both. */
import type { TakeRequest } from '../../../src/store/procedures/single-shapes.js';
import { p99 } from '../bench-kit.js';

const CALLS = 400;

/** What is asked of a lane again and again, and how many tasks it gives each time. */
export interface Ask {
  once: () => Promise<{ length: number }>;
  gives: number;
}

export interface DeepLane {
  /** Has it get so many more ready tasks. */
  add: (ready: number) => void | Promise<void>;
  close: () => Promise<void>;
}

/** p99, ms. */
export interface Compared {
  small: number;
  large: number;
}

export class SideBySide<Lane extends DeepLane> {
  constructor(
    private readonly small: Lane,
    private readonly large: Lane,
  ) {}

  /** The lanes are as deep afterwards as they were before. */
  async compare(askOf: (lane: Lane) => Ask): Promise<Compared> {
    const times = { small: [] as number[], large: [] as number[] };
    for (let call = 0; call < CALLS; call += 1) {
      times.small.push(await timeOf(askOf(this.small)));
      times.large.push(await timeOf(askOf(this.large)));
    }
    for (const lane of [this.small, this.large]) await lane.add(CALLS * askOf(lane).gives);
    return { small: p99(times.small), large: p99(times.large) };
  }

  async close(): Promise<void> {
    await this.small.close();
    await this.large.close();
  }
}

/** A worker's take of the only lane. */
export function takeOf(size: number, minAgeMs: number): TakeRequest {
  return {
    laneSeqs: [1],
    strategy: 'fifo',
    size,
    minAgeMs,
    leaseMs: null,
    leaseEnd: 'complete_408',
    leaseRetries: 0,
    worker: null,
    allowances: [],
  };
}

async function timeOf({ once, gives }: Ask): Promise<number> {
  const startedAt = performance.now();
  const given = await once();
  const took = performance.now() - startedAt;
  if (given.length !== gives) throw new Error(`expected ${gives} tasks, got ${given.length}`);
  return took;
}
