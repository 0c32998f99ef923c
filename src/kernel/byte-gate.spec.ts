import { describe, expect, it } from 'vitest';
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
});
