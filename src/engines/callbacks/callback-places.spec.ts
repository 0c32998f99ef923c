import { beforeEach, describe, expect, it } from 'vitest';
import type { CallbackLine } from '../../store/procedures/callback-shapes.js';
import { CallbackPlaces, PLACES, ROOM_PER_LINE, UNPROVEN_PLACES } from './callback-places.js';

const A: CallbackLine = { tenantSeq: 1, target: 'https://a.example' };
const MANY = 10 * PLACES;

let places: CallbackPlaces;

beforeEach(() => {
  places = new CallbackPlaces();
});

const origins = (count: number, tenantSeq = 1, name = 'o'): CallbackLine[] =>
  Array.from({ length: count }, (_, n) => ({ tenantSeq, target: `https://${name}${n}.example` }));

/** Begins what may begin, again and again, until nothing more may; returns how many began. */
function begin(lines: readonly CallbackLine[]): number {
  let begun = 0;
  for (;;) {
    const shares = places.share(lines, MANY);
    if (shares.length === 0) return begun;
    for (const { want, ...line } of shares) for (let n = 0; n < want; n += 1, begun += 1) places.begin(line);
  }
}

function prove(lines: readonly CallbackLine[]): void {
  for (const line of lines) {
    for (let room = 1; room < ROOM_PER_LINE; room *= 2) {
      places.begin(line);
      places.end(line, true);
    }
  }
}

describe('an origin', () => {
  it('gets one call at a time until it answers, then more and more', () => {
    const rooms = [];
    for (let n = 0; n < 5; n += 1) {
      const [share] = places.share([A], MANY);
      rooms.push(share!.want);
      places.begin(A);
      places.end(A, true);
    }
    expect(rooms).toEqual([1, 2, 4, ROOM_PER_LINE, ROOM_PER_LINE]);
  });

  it('gets no more than it has room for, and none is said of those without room', () => {
    prove([A]);
    expect(begin([A])).toBe(ROOM_PER_LINE);
    expect(places.share([A], MANY)).toEqual([]);
    places.end(A, null);
    expect(places.share([A], MANY)).toEqual([{ ...A, want: 1 }]);
  });

  it('is back at one call at a time when it fails', () => {
    prove([A]);
    places.begin(A);
    places.end(A, false);
    expect(begin([A])).toBe(1);
  });

  it('gets no more than is wanted in all', () => {
    prove([A]);
    expect(places.share([A, ...origins(3)], 9).map(({ want }) => want)).toEqual([ROOM_PER_LINE, 1]);
  });
});

describe('receivers that hang', () => {
  it('leave places to the new origins of other tenants, however many they are', () => {
    expect(begin(origins(5_000))).toBe(UNPROVEN_PLACES / 2);
    expect(begin(origins(5, 2))).toBe(5);
  });

  it('leave places to the origins of their own tenant that answer', () => {
    prove([A]);
    begin(origins(5_000));
    expect(begin([A])).toBe(ROOM_PER_LINE);
  });

  it('leave a place to the others also when all have answered before', () => {
    const lines = origins(40);
    prove([A, ...lines]);
    begin(lines);
    expect(begin([A])).toBeGreaterThan(0);
    expect(begin([{ ...A, tenantSeq: 2 }])).toBeGreaterThan(0);
  });

  it('of several tenants leave them equal parts, and one more to whoever comes next', () => {
    const tenants = [1, 2, 3].map((tenantSeq) => origins(200, tenantSeq));
    const held = tenants.map(() => [] as CallbackLine[]);
    for (let round = 0; round < 200; round += 1) {
      tenants.forEach((lines, n) => {
        if (held[n]!.length > 0) places.end(held[n]!.shift()!, false);
        const shares = places.share(lines, MANY);
        for (const { want: _, ...line } of shares) places.begin(line);
        held[n]!.push(...shares);
      });
    }
    const part = UNPROVEN_PLACES / 4;
    for (const { length } of held) expect(Math.abs(length - part)).toBeLessThanOrEqual(2);
    expect(begin(origins(1, 4))).toBe(1);
  });

  it('do not use up the places of another tenant at the same origin', () => {
    places.begin(A);
    places.end(A, false);
    places.begin(A);
    expect(places.share([A, { ...A, tenantSeq: 2 }], MANY)).toEqual([{ ...A, tenantSeq: 2, want: 1 }]);
  });

  it('never hold more than all places', () => {
    for (let tenantSeq = 1; tenantSeq < 50; tenantSeq += 1) {
      const lines = origins(100, tenantSeq);
      prove(lines);
      begin(lines);
    }
    expect(begin(origins(1, 99))).toBe(0);
  });
});
