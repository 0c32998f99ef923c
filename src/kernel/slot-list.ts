/** What a SlotList keeps with each of its items: the place it is at, -1 while it is in none. */
export interface Slotted {
  slot: number;
}

/**
 * A set for what comes and goes thousands of times a second. V8's own Map and Set grow a new table again and again under such
 * use, and each old table points to the next: once one of them is in the old generation, all that follow are kept alive
 * until the next full collection, with everything that was ever in them.
 */
export class SlotList<T extends Slotted> implements Iterable<T> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  add(item: T): void {
    item.slot = this.items.push(item) - 1;
  }

  /** Nothing happens to an item that is not in the list. */
  remove(item: T): void {
    if (item.slot < 0) return;
    const last = this.items.pop()!;
    if (last !== item) {
      this.items[item.slot] = last;
      last.slot = item.slot;
    }
    item.slot = -1;
  }

  /** A copy, so that items may be removed while it is walked; in no promised order. */
  [Symbol.iterator](): Iterator<T> {
    return this.items.slice()[Symbol.iterator]();
  }
}
