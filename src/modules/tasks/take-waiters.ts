/**
 * Workers that wait for tasks to come. A put of n wakes at most n of those that wait for its lane, longest waiting first: of
 * those who may take what is new. Who was woken and leaves without a task of that lane, because he has gone or has got another
 * one meanwhile, passes that on.
 *
 * Whoever waits joins first, then tries, then waits, so nothing falls between. One timer serves all of them: it ends the
 * waits whose time is over, and once a second one read for all lanes makes good what a lost event kept from them.
 */
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { EventBus } from '../../ports/event-bus.js';
import type { TakeRequest } from '../../store/procedures/single-shapes.js';
import { PullStore } from '../../store/pull.store.js';
import { AppLogger } from '../../telemetry/logger.js';

const TICK_MS = 100;
const LOOK_MS = 1000;
/** How many of one lane try again at each look: what is ready there may be nothing that they may take. */
const TRIES_PER_LOOK = 10;

/** What somebody waits for. */
export type Wanted = Pick<TakeRequest, 'laneSeqs' | 'strategy' | 'minAgeMs'>;

/** One worker's place in the queues for its lanes; kept while it tries. */
export class TakeTicket {
  isGone = false;
  /** Set while it waits; called with false when its time is over. */
  private resolve: ((isWoken: boolean) => void) | null = null;
  /** Woken while it was trying: it tries once more before it waits. */
  private isMissed = false;
  /** The lanes of puts it was woken by: for this try, and for the one after it. */
  private told = new Set<number>();
  private toldSince = new Set<number>();

  constructor(
    readonly wanted: Wanted,
    readonly deadlineAt: number,
    private readonly clock: Clock,
  ) {}

  /** Whether it may be given a task that has just come in. */
  get takesNew(): boolean {
    return this.wanted.minAgeMs <= 0;
  }

  get isSequential(): boolean {
    return this.wanted.strategy === 'sequential';
  }

  get isWaiting(): boolean {
    return this.resolve !== null;
  }

  /** True when it is worth trying again, false when its time is over. */
  woken(): Promise<boolean> {
    if (this.isGone || this.clock.now() >= this.deadlineAt) return Promise.resolve(false);
    if (this.isMissed) {
      this.isMissed = false;
      this.told = this.toldSince;
      this.toldSince = new Set();
      return Promise.resolve(true);
    }
    return new Promise((resolve) => (this.resolve = resolve));
  }

  /** There is something to try for. `laneSeq`: the lane of a put that it alone is told of, else null. */
  wake(laneSeq: number | null): void {
    if (laneSeq !== null) (this.isWaiting ? this.told : this.toldSince).add(laneSeq);
    if (this.isWaiting) this.settle(true);
    else this.isMissed = true;
  }

  /** Ends its wait, if it waits. */
  settle(isWoken: boolean): void {
    const { resolve } = this;
    this.resolve = null;
    resolve?.(isWoken);
  }

  /** It has got tasks of these lanes. */
  took(laneSeqs: readonly number[]): void {
    for (const laneSeq of laneSeqs) this.told.delete(laneSeq);
  }

  /** It has tried and got nothing; returns the lanes of the puts it was woken by. */
  tookNothing(): Iterable<number> {
    const { told } = this;
    this.told = new Set();
    return told;
  }

  /** The lanes of all puts it was woken by and has taken nothing of. */
  allTold(): number[] {
    return [...this.tookNothing(), ...this.toldSince];
  }
}

@Injectable()
export class TakeWaiters implements OnModuleInit, OnModuleDestroy {
  /** By lane, in the order in which they joined. */
  private readonly lanes = new Map<number, Set<TakeTicket>>();
  private readonly tickets = new Set<TakeTicket>();
  private timer: NodeJS.Timeout | null = null;
  private lookedAt = 0;
  private isClosed = false;

  constructor(
    private readonly store: PullStore,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly logger: AppLogger,
  ) {}

  onModuleInit(): void {
    this.events.on('lane.ready').subscribe(({ laneSeq, count }) => this.wake(laneSeq, count, count !== null));
  }

  /** Lets everybody go home with nothing. */
  onModuleDestroy(): void {
    this.isClosed = true;
    for (const ticket of this.tickets) this.leave(ticket);
  }

  get count(): number {
    return this.tickets.size;
  }

  join(wanted: Wanted, waitMs: number): TakeTicket {
    const ticket = new TakeTicket(wanted, this.clock.now() + waitMs, this.clock);
    if (this.isClosed) {
      ticket.isGone = true;
      return ticket;
    }
    this.tickets.add(ticket);
    for (const laneSeq of wanted.laneSeqs) {
      const waiting = this.lanes.get(laneSeq);
      if (waiting) waiting.add(ticket);
      else this.lanes.set(laneSeq, new Set([ticket]));
    }
    this.timer ??= this.nextTick();
    return ticket;
  }

  leave(ticket: TakeTicket): void {
    ticket.isGone = true;
    ticket.settle(false);
    if (!this.tickets.delete(ticket)) return;
    for (const laneSeq of ticket.wanted.laneSeqs) {
      const waiting = this.lanes.get(laneSeq);
      waiting?.delete(ticket);
      if (waiting?.size === 0) this.lanes.delete(laneSeq);
    }
    if (!this.isClosed) for (const laneSeq of ticket.allTold()) this.wake(laneSeq, 1, true);
  }

  /** It has tried and got nothing. What a lock kept from it, others may take; else there is nothing for others either. */
  tookNothing(ticket: TakeTicket): void {
    const laneSeqs = ticket.tookNothing();
    if (ticket.isSequential) for (const laneSeq of laneSeqs) this.wake(laneSeq, 1, true, true);
  }

  /** First those who wait, then those who are trying. `isPut`: by new tasks. `isLocked`: kept from who takes in sequence. */
  private wake(laneSeq: number, count: number | null, isPut: boolean, isLocked = false): void {
    let left = count ?? Number.POSITIVE_INFINITY;
    const told = isPut ? laneSeq : null;
    const trying: TakeTicket[] = [];
    for (const ticket of this.lanes.get(laneSeq) ?? []) {
      if (left <= 0) return;
      if ((isPut && !ticket.takesNew) || (isLocked && ticket.isSequential)) continue;
      if (!ticket.isWaiting) {
        trying.push(ticket);
        continue;
      }
      left -= 1;
      ticket.wake(told);
    }
    for (const ticket of trying.slice(0, left)) ticket.wake(told);
  }

  private nextTick(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timer = null;
      void this.tick();
    }, TICK_MS);
    return timer.unref();
  }

  private async tick(): Promise<void> {
    const now = this.clock.now();
    for (const ticket of this.tickets) if (now >= ticket.deadlineAt) ticket.settle(false);
    if (now - this.lookedAt >= LOOK_MS && this.lanes.size > 0) {
      this.lookedAt = now;
      await this.look();
    }
    if (this.tickets.size > 0) this.timer ??= this.nextTick();
  }

  private async look(): Promise<void> {
    try {
      for (const laneSeq of await this.store.lanesWithReady([...this.lanes.keys()])) {
        this.wake(laneSeq, TRIES_PER_LOOK, false);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not look for ready tasks; waiting workers are woken by events only');
    }
  }
}
