/** Lets loops wait for something to change, without polling and without a queue of who waits. */
export class Wakeup {
  private waiting: (() => void)[] = [];

  /** Resolves at the next `ring`. */
  heard(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  ring(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const wake of woken) wake();
  }
}
