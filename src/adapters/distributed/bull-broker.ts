/**
 * Calls go through ten Bull queues, one per level, to any process of this deployment that runs engines.
 *
 * Both ends are the broker of a single process: one merges what is sent (few calls of a lane, however many tasks come), the
 * other what arrives, and runs the consumer once at a time for a lane. Between them a call may be lost whenever Redis is not
 * well, and is never kept for later: the call sweep repeats, each second, what is still true then.
 */
import type { Clock } from '../../kernel/clock.js';
import { isLevel } from '../../kernel/lane.js';
import { Broker, type Call } from '../../ports/broker.js';
import { InProcessBroker } from '../local/in-process-broker.js';
import { CALL_PROCESSORS, LEVELS } from './call-processors.js';
import { CallQueues } from './call-queues.js';
import { LevelOrder } from './level-order.js';
import type { RedisLink } from './redis-link.js';

/**
 * Commands that may wait for Redis' answer before calls are dropped: each is one level of one turn. What comes faster
 * than that meets a Redis that does not answer.
 */
const MAX_UNANSWERED = 200;
/** Calls that may wait in one queue. Where nobody consumes, the sweeps would fill Redis; a lane needs one call only. */
const MAX_WAITING = 5_000;
/** Each call is a job, so a lane is called no more often than this, and looked at no more often by each engine. */
const SPACING_MS = 5;
const WATCH_MS = 500;
/** The queues ask for work every second. One that has not for so long, while Redis answers, will not any more. */
const STALL_MS = 2_500;
/** A watch that comes so late was kept from running itself, and knows nothing of the others. */
const LATE_MS = 500;

export interface BullBrokerOptions {
  url: string;
  link: RedisLink;
  clock: Clock;
  /** False where no engines run: the consumer, if somebody registers one, gets nothing then. */
  consumes: boolean;
  /** Told of a consumer that rejected; the lane goes on. */
  onError: (error: unknown, call: Call) => void;
  /** Told of what went wrong with the queues themselves; they go on or are made anew. */
  onTrouble: (error: unknown) => void;
  /** Told of levels whose queues somebody had paused in Redis, by the one process that let them go on. */
  onResumed?: (levels: readonly number[]) => void;
  /** Told of what it counts. */
  onCount?: (what: BrokerCount, by: number) => void;
}

export type BrokerCount = 'dropped' | 'malformed' | 'rebuilt';

export class BullBroker extends Broker {
  /** Calls that were given up because Redis was not there, or had too many of them. */
  dropped = 0;
  /** Jobs that were no calls. */
  malformed = 0;
  /** Times that queues which had stopped turning were replaced. */
  rebuilt = 0;
  private readonly outgoing: InProcessBroker;
  private readonly incoming: InProcessBroker;
  private readonly order = new LevelOrder((call) => this.incoming.call(call));
  private unsent: Call[] = [];
  private unanswered = 0;
  private overfull: ReadonlySet<number> = new Set();
  private sentSinceWatch = false;
  private sending: CallQueues | null = null;
  private consuming: CallQueues | null = null;
  private isConsumer = false;
  private watch: NodeJS.Timeout | null = null;
  private watchDueAt = 0;
  private repair: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;

  constructor(private readonly options: BullBrokerOptions) {
    super();
    const { clock, onError } = options;
    this.incoming = new InProcessBroker({ clock, spacingMs: SPACING_MS, onError });
    this.outgoing = new InProcessBroker({ clock, spacingMs: SPACING_MS, onError });
    this.outgoing.consume(async (call) => this.send(call));
  }

  /** Calls that come before are dropped. The link may be without Redis. */
  async open(): Promise<void> {
    this.sending = await this.openQueues(false);
    this.watchDueAt = performance.now() + WATCH_MS;
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
    if (this.isConsumer) this.mend();
  }

  override get problem(): string | null {
    if (!this.options.link.isReady) return 'Redis is away';
    if (this.isConsumer && !this.isTurning) return 'the queues of calls do not turn';
    return null;
  }

  override call(call: Call): void {
    this.outgoing.call(call);
  }

  override consume(onCall: (call: Call) => Promise<void>): void {
    this.incoming.consume(onCall);
    this.isConsumer = this.options.consumes;
    this.mend();
  }

  override stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async shutDown(): Promise<void> {
    if (this.watch) clearInterval(this.watch);
    this.order.stop();
    const delivered = this.incoming.stop();
    await Promise.all([this.outgoing.stop(), this.repair]);
    await Promise.all([delivered, this.consuming?.close(), this.sending?.close()]);
  }

  /** Collects what one turn sends, so that each level is one command. */
  private send(call: Call): void {
    if (this.unsent.length === 0) queueMicrotask(() => this.flush());
    this.unsent.push(call);
  }

  private flush(): void {
    const calls = this.unsent;
    this.unsent = [];
    for (const level of LEVELS) {
      const laneIds = calls.filter((call) => call.level === level).map(({ laneId }) => laneId);
      if (laneIds.length > 0) this.add(level, laneIds);
    }
  }

  private add(level: number, laneIds: readonly number[]): void {
    const { sending } = this;
    const canSend = this.options.link.isReady && this.unanswered < MAX_UNANSWERED && !this.overfull.has(level);
    this.sentSinceWatch = true;
    if (!sending || !canSend || this.stopped) {
      this.count('dropped', laneIds.length);
      return;
    }
    this.unanswered += 1;
    sending
      .add(level, laneIds)
      .catch((error: unknown) => {
        this.count('dropped', laneIds.length);
        this.trouble(error);
      })
      .finally(() => (this.unanswered -= 1));
  }

  private receive(level: number, data: unknown): void {
    const { laneId } = (data ?? {}) as { laneId?: unknown };
    if (typeof laneId === 'number' && Number.isSafeInteger(laneId) && isLevel(level))
      this.order.arrive({ laneId, level });
    else this.count('malformed', 1);
  }

  private count(what: BrokerCount, by: number): void {
    this[what] += by;
    this.options.onCount?.(what, by);
  }

  private look(): void {
    const now = performance.now();
    const isLate = now - this.watchDueAt > LATE_MS;
    this.watchDueAt = now + WATCH_MS;
    if (!this.options.link.isReady || isLate) return;
    if (this.sentSinceWatch && this.sending) this.measure(this.sending).catch((error: unknown) => this.trouble(error));
    this.mend();
  }

  /**
   * Finds the levels in which so many calls wait already that more would be of no use, and those that a dashboard of Bull
   * has paused: without calls their tasks would wait for ever, and nothing would say why.
   */
  private async measure(sending: CallQueues): Promise<void> {
    this.sentSinceWatch = false;
    const depths = await sending.depths();
    this.overfull = new Set(LEVELS.filter((level) => depths[level]!.waiting >= MAX_WAITING));
    const resumed: number[] = [];
    for (const level of LEVELS) if (depths[level]!.isPaused && (await sending.resume(level))) resumed.push(level);
    if (resumed.length > 0) this.options.onResumed?.(resumed);
  }

  private get isTurning(): boolean {
    return this.consuming !== null && this.consuming.stillFor() < STALL_MS;
  }

  /** Makes the queues that are consumed, or makes them anew when they have stopped turning. */
  private mend(): void {
    if (!this.isConsumer || !this.sending || this.repair || this.stopped || !this.options.link.isReady) return;
    if (this.isTurning) return;
    this.repair = this.replaceQueues()
      .catch((error: unknown) => this.trouble(error))
      .finally(() => (this.repair = null));
  }

  private async replaceQueues(): Promise<void> {
    const old = this.consuming;
    this.consuming = null;
    if (old) this.count('rebuilt', 1);
    await this.expectWaiting();
    if (this.stopped) {
      await old?.close();
      return;
    }
    this.consuming = await this.openQueues(true);
    await old?.close();
  }

  /** What waits now is to be delivered in order, and this process' own calls of this turn are among it. */
  private async expectWaiting(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const depths = await this.sending!.depths();
    for (const level of LEVELS) if (depths[level]!.waiting + depths[level]!.active > 0) this.order.expect(level);
  }

  private openQueues(isConsuming: boolean): Promise<CallQueues> {
    const { link, url } = this.options;
    return CallQueues.open({
      link,
      url,
      processors: isConsuming ? CALL_PROCESSORS : [],
      receive: (level, data) => this.receive(level, data),
      onDrained: (level) => this.order.emptied(level),
      onError: (error) => this.trouble(error),
    });
  }

  /** That Redis is away is told by the link, once; here each of ten queues would say it each second. */
  private trouble(error: unknown): void {
    if (this.options.link.isReady && !this.stopped) this.options.onTrouble(error);
  }
}
