/** Groups of writes that a test answers by hand. */
import type { WriteCall, WriteOutcome } from '../../src/store/group-executor.js';
import { Inbox } from './inbox.js';

/** Stands for the transaction: a group stays open until the test answers it. */
export class Groups {
  readonly started = new Inbox<OpenGroup>();
  private isAnswering = false;

  readonly run = (calls: WriteCall[], onHeld: () => void): Promise<WriteOutcome[]> =>
    new Promise((resolve, reject) => {
      const group = new OpenGroup(calls, onHeld, resolve, reject);
      this.started.add(group);
      if (this.isAnswering) group.succeed();
    });

  /** The nth group since the start, from 0. */
  async nth(n: number): Promise<OpenGroup> {
    return (await this.started.first(n + 1))[n]!;
  }

  get sizes(): number[] {
    return this.started.items.map(({ args }) => args.length);
  }

  /** Answers the groups that are open, and from now on each as it comes. */
  answerAll(): void {
    this.isAnswering = true;
    for (const group of this.started.items) group.succeed();
  }
}

export class OpenGroup {
  constructor(
    readonly calls: WriteCall[],
    /** Tells that it holds its locks. */
    readonly hold: () => void,
    readonly answer: (outcomes: WriteOutcome[]) => void,
    readonly fail: (error: Error) => void,
  ) {}

  get args(): unknown[] {
    return this.calls.map(({ args }) => args);
  }

  succeed(): void {
    this.answer(this.calls.map(({ args }) => ({ ok: args })));
  }
}
