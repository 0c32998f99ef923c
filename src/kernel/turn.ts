/** Above this, others that wait for the event loop would notice. */
const TURN_MS = 10;

/** Cuts long work on the event loop into turns, so that requests are answered between them. */
export class Turn {
  private startedAt = performance.now();

  /** Whether it is time to let others go on: `if (turn.isOver) await turn.next();` */
  get isOver(): boolean {
    return performance.now() - this.startedAt > TURN_MS;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.startedAt = performance.now();
  }
}
