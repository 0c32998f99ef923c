/**
 * Calls go straight from whoever made tasks ready to the dispatcher of the same process.
 *
 * Each lane has one place in the waiting set, which is how calls of a lane merge. A waiting lane is delivered when its
 * last call has returned and is `spacingMs` old: a dispatcher that looks more often finds the same tasks.
 */
import type { Clock } from '../../kernel/clock.js';
import { Broker, type Call } from '../../ports/broker.js';

export interface InProcessBrokerOptions {
  clock: Clock;
  /** Milliseconds from one delivery of a lane to the next, at least. */
  spacingMs: number;
  /** Told of a consumer that rejected; the lane goes on. */
  onError: (error: unknown, call: Call) => void;
}

interface Lane {
  call: Call;
  isRunning: boolean;
  /** The earliest instant of its next delivery. */
  nextAt: number;
}

export class InProcessBroker extends Broker {
  override readonly problem = null;
  private readonly lanes = new Map<number, Lane>();
  private readonly waiting = new Set<Lane>();
  private readonly running = new Set<Promise<void>>();
  private consumer: ((call: Call) => Promise<void>) | null = null;
  private isDrainDue = false;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  constructor(private readonly options: InProcessBrokerOptions) {
    super();
  }

  override call(call: Call): void {
    if (this.isStopped) return;
    let lane = this.lanes.get(call.laneId);
    if (!lane) {
      lane = { call, isRunning: false, nextAt: Number.NEGATIVE_INFINITY };
      this.lanes.set(call.laneId, lane);
    }
    if (this.waiting.has(lane)) return;
    lane.call = call;
    this.waiting.add(lane);
    this.drainSoon();
  }

  override consume(onCall: (call: Call) => Promise<void>): void {
    if (this.consumer) throw new Error('This broker has its consumer already');
    this.consumer = onCall;
    this.drainSoon();
  }

  override async stop(): Promise<void> {
    this.isStopped = true;
    this.waiting.clear();
    if (this.timer) clearTimeout(this.timer);
    await Promise.all(this.running);
  }

  /** Not at once: the caller must not find a consumer in its stack, and the calls of one turn are to be sorted by level. */
  private drainSoon(): void {
    if (this.isDrainDue) return;
    this.isDrainDue = true;
    queueMicrotask(() => {
      this.isDrainDue = false;
      this.drain();
    });
  }

  private drain(): void {
    const consumer = this.consumer;
    if (!consumer) return;
    const now = this.options.clock.now();
    const due: Lane[] = [];
    let nextAt = Number.POSITIVE_INFINITY;
    for (const lane of this.waiting) {
      if (lane.isRunning) continue; // its end drains again
      if (lane.nextAt <= now) due.push(lane);
      else nextAt = Math.min(nextAt, lane.nextAt);
    }
    due.sort((a, b) => a.call.level - b.call.level);
    for (const lane of due) this.deliver(lane, consumer, now);
    this.drainAt(nextAt, now);
  }

  private drainAt(at: number, now: number): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = at === Number.POSITIVE_INFINITY ? null : setTimeout(() => this.drain(), at - now);
  }

  private deliver(lane: Lane, consumer: (call: Call) => Promise<void>, now: number): void {
    this.waiting.delete(lane);
    lane.isRunning = true;
    lane.nextAt = now + this.options.spacingMs;
    const run = this.run(lane.call, consumer).finally(() => {
      lane.isRunning = false;
      this.running.delete(run);
      if (this.waiting.has(lane)) this.drainSoon();
    });
    this.running.add(run);
  }

  private async run(call: Call, consumer: (call: Call) => Promise<void>): Promise<void> {
    try {
      await consumer(call);
    } catch (error) {
      this.options.onError(error, call);
    }
  }
}
