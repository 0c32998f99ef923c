import { describe, expect, it } from 'vitest';
import { SlotList } from './slot-list.js';

function listOf(...names: string[]) {
  const list = new SlotList<{ name: string; slot: number }>();
  const items = names.map((name) => ({ name, slot: -1 }));
  for (const item of items) list.add(item);
  return { list, items, names: () => [...list].map(({ name }) => name).sort() };
}

describe('SlotList', () => {
  it('holds what was added', () => {
    const { list, names } = listOf('a', 'b', 'c');
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(list.size).toBe(3);
  });

  it.each([0, 1, 2])('forgets item %d and no other', (index) => {
    const { list, items, names } = listOf('a', 'b', 'c');
    list.remove(items[index]!);
    expect(names()).toEqual(['a', 'b', 'c'].filter((_, place) => place !== index));
    for (const item of list) list.remove(item);
    expect(list.size).toBe(0);
  });

  it('does nothing for an item that it does not hold', () => {
    const { list, items, names } = listOf('a', 'b');
    list.remove(items[0]!);
    list.remove(items[0]!);
    expect(names()).toEqual(['b']);
  });

  it('takes an item in again', () => {
    const { list, items, names } = listOf('a', 'b');
    list.remove(items[0]!);
    list.add(items[0]!);
    expect(names()).toEqual(['a', 'b']);
  });
});
