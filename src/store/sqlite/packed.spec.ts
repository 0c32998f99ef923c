import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WriteCall, WriteOutcome } from '../group-executor.js';
import { packCalls, packOutcomes, unpackCalls, unpackOutcomes } from './packed.js';

/** As it is after it went to the other thread. */
function across<T>(value: T): T {
  return structuredClone(value);
}

function callsBack(calls: readonly WriteCall[]): WriteCall[] {
  return packCalls(calls).flatMap((part) => unpackCalls(across(part)));
}

function outcomesBack(outcomes: readonly WriteOutcome[]): WriteOutcome[] {
  return unpackOutcomes(across(packOutcomes(outcomes)));
}

const plain = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const row = fc.oneof(
  fc.record({ seq: fc.integer(), body: fc.string(), usage: fc.option(fc.record({ tokens: fc.integer() })) }),
  fc.record({ seq: fc.integer(), epoch: fc.integer() }),
  fc.record({ epoch: fc.integer(), seq: fc.integer() }),
);
const anything = fc.oneof(row, plain, fc.array(row), fc.array(plain), fc.constant({}));

describe('calls', () => {
  it('come across as they are, in their order', () => {
    const calls = fc.array(fc.record({ procedure: fc.constantFrom('put', 'take'), args: anything }));
    fc.assert(
      fc.property(calls, (sent) => {
        expect(callsBack(sent)).toEqual(sent);
      }),
    );
  });

  it('of one shape say their keys once', () => {
    const calls = [1, 2, 3].map((seq) => ({ procedure: 'put', args: { seq, body: 'x' } }));
    const table = { keys: ['seq', 'body'], values: [1, 'x', 2, 'x', 3, 'x'], counts: null };
    expect(packCalls(calls)).toEqual([[{ procedure: 'put', packs: [table] }]]);
  });

  it('that are lists of one shape say their keys once too', () => {
    const calls = [[{ seq: 1 }], [{ seq: 2 }, { seq: 3 }]].map((args) => ({ procedure: 'put', args }));
    const table = { keys: ['seq'], values: [1, 2, 3], counts: [1, 2] };
    expect(packCalls(calls)).toEqual([[{ procedure: 'put', packs: [table] }]]);
  });

  it('with much to carry come in several parts, none of which grows large', () => {
    const calls = Array.from({ length: 100 }, (_, seq) => ({
      procedure: 'put',
      args: { seq, body: 'x'.repeat(5000) },
    }));
    const parts = packCalls(calls);
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) expect(unpackCalls(part).length).toBeLessThanOrEqual(14);
    expect(callsBack(calls)).toEqual(calls);
  });

  it('are one empty part when there are none', () => {
    expect(packCalls([])).toEqual([[]]);
  });
});

describe('outcomes', () => {
  it('come across as they are, in their order', () => {
    const refusal = fc.record({ code: fc.string(), message: fc.string() });
    const outcome = fc.oneof(
      fc.record({ ok: anything }),
      fc.constant<WriteOutcome>({}),
      fc.record({ refused: refusal }),
      fc.record({ failed: fc.string() }),
    ) as fc.Arbitrary<WriteOutcome>;
    fc.assert(
      fc.property(fc.array(outcome), (sent) => {
        expect(outcomesBack(sent)).toEqual(sent);
      }),
    );
  });
});
