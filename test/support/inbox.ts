/** Collects what arrives, so that a test can wait for it instead of sleeping. */
export class Inbox<T> {
  readonly items: T[] = [];
  private readonly waiting: Array<{ count: number; resolve: () => void }> = [];

  /** Bound, so that it can be given as a listener. */
  readonly add = (item: T): void => {
    this.items.push(item);
    for (const waiter of this.waiting) if (this.items.length >= waiter.count) waiter.resolve();
  };

  /** Resolves with the first `count` items once there are as many; the test's time-out is the limit. */
  async first(count: number): Promise<T[]> {
    if (this.items.length < count) await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
    return this.items.slice(0, count);
  }
}

/** A promise that a test opens by hand. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

/** Lets everything that is ready in this turn of the event loop run, and what it made ready in the next. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
