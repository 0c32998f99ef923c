/**
 * What this process knows of one limited key. Its count of held permits is the truth, and each operation tells Redis the
 * whole of it: an answer that was lost, a wiped Redis or a permit granted to somebody who no longer waited are all set
 * right by the next one. For that nothing is said while an answer may change it: whoever comes while permits are asked for
 * waits, and asks together with all others of his level. An announcement changes nothing, so nobody waits for its answer.
 */
import type { PermitLimits } from '../../ports/limiter.js';
import type { LimiterScripts, PermitFigures, Statement } from './limiter-scripts.js';

export interface AccountOptions {
  scripts: LimiterScripts;
  /** Epoch ms, for pauses. */
  now: () => number;
  /** Epoch ms that Redis goes by instead of its own clock; null in earnest. */
  serverNow: () => number | null;
  /** Told of the ms until permits may be had, by an announcement of this process. */
  onOpen: (key: string, opensIn: number) => void;
}

interface Asker {
  want: number;
  resolve: (answer: { granted: number; opensIn: number }) => void;
  reject: (error: unknown) => void;
}

export class PermitAccount {
  held = 0;
  /** Epoch ms of this process; 0 for never. Pauses that others asked for are not among it. */
  pausedUntil = 0;
  /** Somebody here got less than asked for, or asked for a pause, and has not been told that asking again makes sense. */
  isAwaited = false;
  /** How often permits were said to be free; tells whether that happened while an answer was on its way. */
  freedCount = 0;
  /** Redis has not answered in time, and has not answered since. */
  isSilent = false;
  /** Those whose question has not been sent, by level. */
  private readonly asking = new Map<number, Asker[]>();
  private unused = 0;
  /** One that has not been sent yet; the next one says the same. */
  private announcing: Promise<boolean> | null = null;
  /** One that has been sent; another waits until it is answered, or they would pile up when Redis is slow. */
  private saying: Promise<boolean> | null = null;
  /** Until then it may change what is held. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly key: string,
    private readonly options: AccountOptions,
  ) {}

  /** Rejects when Redis is not there. */
  acquire(level: number, want: number, limits: PermitLimits): Promise<{ granted: number; opensIn: number }> {
    return new Promise((resolve, reject) => {
      const asker = { want, resolve, reject };
      const others = this.asking.get(level);
      if (others) {
        others.push(asker);
        return;
      }
      const askers = [asker];
      this.asking.set(level, askers);
      this.next(() => this.ask(level, askers, limits)).catch((error: unknown) => {
        for (const { reject: tell } of askers) tell(error);
      });
    });
  }

  /** What is granted goes to those who asked first. */
  private async ask(level: number, askers: readonly Asker[], limits: PermitLimits): Promise<void> {
    this.asking.delete(level);
    const want = askers.reduce((sum, asker) => sum + asker.want, 0);
    const { concurrency, perMinute } = limits;
    const answer = await this.options.scripts.acquire(this.statement(), { level, want, concurrency, perMinute });
    this.held += answer.granted;
    let left = answer.granted;
    for (const asker of askers) {
      const granted = Math.min(asker.want, left);
      left -= granted;
      asker.resolve({ granted, opensIn: answer.opensIn });
    }
  }

  giveBack(count: number, unused: number): void {
    this.held = Math.max(0, this.held - count);
    this.unused += unused;
  }

  /** `perMinute`: the rate that is asked after. Rejects when Redis is not there. */
  look(perMinute: number | null = null): Promise<PermitFigures> {
    return this.next(() => this.options.scripts.look(this.statement(), perMinute));
  }

  /** Says what somebody else holds. Rejects when Redis is not there. */
  answerFor(other: string, held: number): Promise<void> {
    return this.next(() => this.options.scripts.answerFor(this.statement(), other, held));
  }

  /** Says what is held, once for all that changes before it is said. Resolves with false when Redis was not there. */
  announce(): Promise<boolean> {
    this.announcing ??=
      this.saying === null
        ? this.last.then(() => this.say())
        : this.saying.then(() => {
            this.announcing = null;
            return this.announce();
          });
    return this.announcing;
  }

  private say(): Promise<boolean> {
    this.announcing = null;
    const said = this.options.scripts.announce(this.statement());
    this.saying = said
      .then(
        (opensIn) => {
          this.options.onOpen(this.key, opensIn);
          return true;
        },
        () => false, // the next beat says it again; the link tells of the outage
      )
      .finally(() => (this.saying = null));
    return this.saying;
  }

  private next<T>(operation: () => Promise<T>): Promise<T> {
    const done = this.last.then(operation);
    this.last = done.catch(() => {}); // told to whoever asked; the key goes on
    return done;
  }

  private statement(): Statement {
    const { unused } = this;
    this.unused = 0; // were it lost, the rate would err on the safe side
    const pauseMs = Math.max(0, this.pausedUntil - this.options.now());
    return { key: this.key, now: this.options.serverNow(), held: this.held, unused, pauseMs };
  }
}
