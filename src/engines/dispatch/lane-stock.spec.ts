import { describe, expect, it } from 'vitest';
import { LaneStock } from './lane-stock.js';
import type { LoadedTask } from './slice-loader.js';

const NO_INPUT = new Promise<never>(() => {});

function tasks(count: number, batchSeq = 1, from = 1): LoadedTask[] {
  return Array.from({ length: count }, (_, place) => ({
    task: { seq: from + place, id: null, epoch: 1, batchSeq, bodyOffset: 0, bodyLength: 1, tries: 0 },
    input: NO_INPUT,
    place,
    early: null,
  }));
}

/** A stock that has started `perTick` tasks every 10 ms for 200 ms. */
function pacedStock(perTick: number): { stock: LaneStock; now: number } {
  const stock = new LaneStock();
  let now = 1000;
  for (let tick = 0; tick < 20; tick += 1, now += 10) {
    stock.add(tasks(perTick), now);
    stock.take(perTick, now);
  }
  return { stock, now };
}

describe('LaneStock', () => {
  it('gives tasks out in the order in which they were leased', () => {
    const stock = new LaneStock();
    stock.add(tasks(3), 0);
    expect(stock.take(2, 0).map(({ task }) => task.seq)).toEqual([1, 2]);
    expect(stock.take(2, 0).map(({ task }) => task.seq)).toEqual([3]);
  });

  it('wants nothing ahead of a slow upstream', () => {
    const { stock, now } = pacedStock(1);
    expect(stock.missing(now)).toBe(0);
    expect(new LaneStock().missing(0)).toBe(0);
  });

  it('wants as much ahead as is started in a few milliseconds', () => {
    const { stock, now } = pacedStock(10);
    expect(stock.missing(now)).toBe(25);
  });

  it('never wants more than a few slices', () => {
    const { stock, now } = pacedStock(1000);
    expect(stock.missing(now)).toBe(400);
  });

  it('wants more only when half of it is used up', () => {
    const { stock, now } = pacedStock(10);
    stock.add(tasks(13), now);
    expect(stock.missing(now)).toBe(0);
    stock.take(2, now);
    expect(stock.missing(now)).toBeGreaterThan(0);
  });

  it('forgets the pace of an upstream that has stopped', () => {
    const { stock, now } = pacedStock(10);
    expect(stock.missing(now + 500)).toBe(0);
  });

  it('gives up what waited too long, and only that', () => {
    const stock = new LaneStock();
    stock.add(tasks(3), 1000);
    expect(stock.giveUp({ staleAt: 2500 })).toEqual([]);
    expect(stock.giveUp({ staleAt: 3001 })).toHaveLength(3);
    expect(stock.size).toBe(0);
  });

  it('gives up the lines of one batch', () => {
    const stock = new LaneStock();
    stock.add([...tasks(2, 1), ...tasks(2, 2, 10)], 0);
    expect(stock.giveUp({ batchSeq: 2 }).map(({ task }) => task.seq)).toEqual([10, 11]);
    expect(stock.size).toBe(2);
  });
});
