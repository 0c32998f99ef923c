import { describe, expect, it } from 'vitest';
import { eventsAfter, numbered } from './event-numbers.js';

const rowOf = (...numbers: number[]) => ({
  n: numbers.at(-1)!,
  events: numbers.map((n) => ({ id: null, name: null, data: String(n) })),
});

describe('events of a task', () => {
  it('are numbered up to the number of their row', () => {
    expect(numbered(rowOf(4, 5, 6)).map(({ n, data }) => [n, data])).toEqual([
      [4, '4'],
      [5, '5'],
      [6, '6'],
    ]);
  });

  it.each([
    [0, [1, 2, 3, 4, 5]],
    [2, [3, 4, 5]],
    [5, []],
  ])('after number %i come each once, also from rows that overlap', (after, expected) => {
    const events = [rowOf(1, 2), rowOf(1, 2, 3, 4), rowOf(5)].flatMap(numbered);
    expect(eventsAfter(after, events).map(({ n }) => n)).toEqual(expected);
  });
});
