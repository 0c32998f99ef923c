/**
 * Workers that wait for tasks to come. A put of n wakes at most n of those that wait for its lane, longest waiting first.
 *
 * Whoever waits joins first, then tries, then waits, so nothing falls between. One timer serves all of them: it ends the
 * waits whose time is over, and once a second one read for all lanes makes good what a lost event kept from them.
 */
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { EventBus } from '../../ports/event-bus.js';
import { PullStore } from '../../store/pull.store.js';
import { AppLogger } from '../../telemetry/logger.js';

const TICK_MS = 100;
const LOOK_MS = 1000;
/** How many of one lane try again at each look: what is ready there may be nothing that they may take. */
const TRIES_PER_LOOK = 10;

/** One worker's place in the queues for its lanes; kept while it tries. */
export class TakeTicket {
  /** Set while it waits; called with false when its time is over. */
  resolve: ((isWoken: boolean) => void) | null = null;
  /** Woken while it was trying: it tries once more before it waits. */
  isMissed = false;
  isGone = false;

  constructor(
    readonly laneSeqs: readonly number[],
    readonly deadlineAt: number,
    private readonly clock: Clock,
  ) {}

  /** True when it is worth trying again, false when its time is over. */
  woken(): Promise<boolean> {
    if (this.isGone || this.clock.now() >= this.deadlineAt) return Promise.resolve(false);
    if (this.isMissed) {
      this.isMissed = false;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => (this.resolve = resolve));
  }

  /** Ends a wait; whether there was one. */
  settle(isWoken: boolean): boolean {
    const { resolve } = this;
    this.resolve = null;
    resolve?.(isWoken);
    return resolve !== null;
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
    this.events.on('lane.ready').subscribe(({ laneSeq, count }) => this.wake(laneSeq, count));
  }

  /** Lets everybody go home with nothing. */
  onModuleDestroy(): void {
    this.isClosed = true;
    for (const ticket of this.tickets) this.leave(ticket);
  }

  get count(): number {
    return this.tickets.size;
  }

  join(laneSeqs: readonly number[], waitMs: number): TakeTicket {
    const ticket = new TakeTicket(laneSeqs, this.clock.now() + waitMs, this.clock);
    if (this.isClosed) {
      ticket.isGone = true;
      return ticket;
    }
    this.tickets.add(ticket);
    for (const laneSeq of laneSeqs) {
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
    this.tickets.delete(ticket);
    for (const laneSeq of ticket.laneSeqs) {
      const waiting = this.lanes.get(laneSeq);
      waiting?.delete(ticket);
      if (waiting?.size === 0) this.lanes.delete(laneSeq);
    }
  }

  private wake(laneSeq: number, count: number | null): void {
    let left = count ?? Number.POSITIVE_INFINITY;
    for (const ticket of this.lanes.get(laneSeq) ?? []) {
      if (left <= 0) return;
      left -= 1;
      if (!ticket.settle(true)) ticket.isMissed = true;
    }
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
        this.wake(laneSeq, TRIES_PER_LOOK);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not look for ready tasks; waiting workers are woken by events only');
    }
  }
}
