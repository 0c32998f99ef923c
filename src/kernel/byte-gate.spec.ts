import { describe, expect, it } from 'vitest';
import { FakeTime } from '../../test/support/fake-time.js';
import { ByteGate } from './byte-gate.js';

const MIB = 1024 * 1024;

describe('the gate for large work', () => {
  /** Work that goes on until it is told to end. */
  function begin(gate: ByteGate, bytes: number) {
    const state = { isBegun: false, end: () => {} };
    void gate.run(bytes, () => {
      state.isBegun = true;
      return new Promise<void>((resolve) => (state.end = resolve));
    });
    return state;
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('lets in what fits, in the order of coming; small work goes by', async () => {
    const gate = new ByteGate(10 * MIB);
    const [first, second, third, small] = [6 * MIB, 6 * MIB, 2 * MIB, 10].map((bytes) => begin(gate, bytes));
    await turn();
    expect([first, second, third, small].map((work) => work!.isBegun)).toEqual([true, false, false, true]);
    first!.end();
    await turn();
    expect([second, third].map((work) => work!.isBegun)).toEqual([true, true]);
  });

  it('lets in alone what is too large for it, and goes on after a failure', async () => {
    const gate = new ByteGate(10 * MIB);
    const large = begin(gate, 100 * MIB);
    const failing = gate.run(2 * MIB, () => Promise.reject(new Error('no')));
    const last = begin(gate, 10 * MIB);
    await turn();
    expect([large.isBegun, last.isBegun]).toEqual([true, false]);
    large.end();
    await expect(failing).rejects.toThrow('no');
    await turn();
    expect(last.isBegun).toBe(true);
  });

  it('refuses who waits too long, and lets in who waits behind him', async () => {
    const time = FakeTime.start();
    try {
      const gate = new ByteGate(10 * MIB);
      void gate.enter(6 * MIB);
      const refused = gate.enter(5 * MIB, 1_000).catch((error: unknown) => error);
      const next = gate.enter(4 * MIB, 2_000);
      await time.advance(1_000);
      expect(await refused).toMatchObject({ code: 'overloaded', retryAfterMs: 1_000 });
      (await next)(0);
      expect(time.timers()).toBe(0);
    } finally {
      time.stop();
    }
  });

  it('refuses at once who would hold more while he waits than there is room for', async () => {
    const gate = new ByteGate(10 * MIB);
    const keep = await gate.enter(10 * MIB);
    const waiting = gate.enter(8 * MIB, null, 6 * MIB);
    await expect(gate.enter(8 * MIB, null, 5 * MIB)).rejects.toMatchObject({ code: 'overloaded' });
    keep(0);
    await waiting;
  });

  it('has room again for what is not kept, once', async () => {
    const gate = new ByteGate(10 * MIB);
    const keep = await gate.enter(10 * MIB);
    const next = begin(gate, 6 * MIB);
    keep(5 * MIB);
    await turn();
    expect(next.isBegun).toBe(false);
    keep(4 * MIB);
    await turn();
    expect(next.isBegun).toBe(true);
    keep(0);
    keep(0);
    const [fits, waits] = [begin(gate, 4 * MIB), begin(gate, MIB)];
    await turn();
    expect([fits.isBegun, waits.isBegun]).toEqual([true, false]);
  });

  it('counts what is there already, whether there is room for it or not', async () => {
    const gate = new ByteGate(10 * MIB);
    const keep = gate.add(20 * MIB);
    const next = begin(gate, MIB);
    await turn();
    expect(next.isBegun).toBe(false);
    keep(0);
    await turn();
    expect(next.isBegun).toBe(true);
  });
});
