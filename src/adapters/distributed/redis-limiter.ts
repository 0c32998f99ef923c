/**
 * Permits over all processes, counted in Redis. Each process says again every beat what it holds, so that what a dead one
 * held comes back, and a Redis that was wiped knows the whole within a few beats; until then it grants nothing. For a process
 * that lives and cannot reach Redis others answer, with what the store knows of it.
 */
import { Subject, type Observable } from 'rxjs';
import type { Clock } from '../../kernel/clock.js';
import { Limiter, type PermitLimits } from '../../ports/limiter.js';
import { IsolatedObservable } from '../local/isolated-observable.js';
import { FREED_CHANNEL, LimiterScripts } from './limiter-scripts.js';
import { PermitAccount } from './permit-account.js';
import type { RedisLink } from './redis-link.js';

const BEAT_MS = 500;
/** Four beats: by then every living process has said what it holds, a busy one too. */
const RECOUNT_MS = 2_000;
/** A process that was silent for so long is dead; longer than a live one is ever held up, shorter than anybody minds. */
const ALIVE_MS = 10_000;
/** Whoever asks for permits waits no longer for Redis: without it there are none. */
const ANSWER_MS = 250;
/** What Node's timers can wait at most; a longer wait is looked at again then. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Keys of upstreams that are gone are forgotten when so many are known, if nothing of them is out. */
const MAX_IDLE_KEYS = 10_000;

export interface RedisLimiterOptions {
  link: RedisLink;
  clock: Clock;
  /** Told of a listener to `freed` that threw. */
  onError: (error: unknown) => void;
  /** After so long a silent process holds nothing. */
  aliveMs?: number;
  /** How long a Redis that knows of nothing grants nothing. */
  recountMs?: number;
  /** The clock to go by instead of Redis' own, which all processes share; for tests only. */
  serverClock?: Clock;
}

interface Alarm {
  at: number;
  timer: NodeJS.Timeout;
}

export class RedisLimiter extends Limiter {
  override readonly freed: Observable<string>;
  private readonly notices = new Subject<string>();
  private readonly scripts: LimiterScripts;
  private readonly accounts = new Map<string, PermitAccount>();
  private readonly alarms = new Map<string, Alarm>();
  private freedKeys = new Set<string>();
  private readonly beat: NodeJS.Timeout;
  private readonly announceAll = (): void => this.sayAll();
  private isClosed = false;
  /** Whether the store knows this process as one that may hold permits. */
  private isOnRoll = false;

  constructor(private readonly options: RedisLimiterOptions) {
    super();
    const { link, onError, aliveMs = ALIVE_MS, recountMs = RECOUNT_MS } = options;
    this.freed = new IsolatedObservable(this.notices, onError);
    const { client, prefix, instanceId } = link;
    this.scripts = new LimiterScripts({ client, prefix, instanceId, aliveMs, recountMs });
    link.listen(FREED_CHANNEL, (message) => this.hear(message));
    // What it knew may be gone.
    link.events.on('ready', this.announceAll);
    this.beat = setInterval(this.announceAll, BEAT_MS);
    this.beat.unref();
  }

  override async acquire(key: string, level: number, want: number, limits: PermitLimits): Promise<number> {
    if (want <= 0 || this.isClosed) return 0;
    const account = this.accountOf(key);
    const { freedCount } = account;
    if (account.isSilent) {
      account.isAwaited = true;
      return 0;
    }
    const answer = await this.answered(account, account.acquire(level, want, limits));
    if (!answer) {
      account.isAwaited = true; // a beat tells when Redis is back
      return 0;
    }
    if (answer.granted < want) {
      account.isAwaited = true;
      // A permit may have come back while this answer was on its way.
      if (account.freedCount > freedCount) this.emitSoon(key);
      else this.wakeIn(key, answer.opensIn);
    }
    return answer.granted;
  }

  override release(key: string, count: number, unused = 0): void {
    const account = this.accountOf(key);
    account.giveBack(count, unused);
    void account.announce();
  }

  override pause(key: string, until: number): void {
    const now = this.options.clock.now();
    if (!(until > now)) return;
    const account = this.accountOf(key);
    account.pausedUntil = Math.max(account.pausedUntil, until);
    account.isAwaited = true;
    this.wakeIn(key, account.pausedUntil - now);
    void account.announce();
  }

  override async pausedUntil(key: string): Promise<number | null> {
    const account = this.accountOf(key);
    const seen = await this.answered(account, account.look());
    const now = this.options.clock.now();
    const until = seen ? now + seen.pausedMs : account.pausedUntil;
    return until > now ? until : null;
  }

  /** Without Redis nobody knows: null. */
  override async rateOpensAt(key: string, perMinute: number): Promise<number | null> {
    const account = this.accountOf(key);
    const seen = await this.answered(account, account.look(perMinute));
    return seen && seen.rateMs > 0 ? this.options.clock.now() + seen.rateMs : null;
  }

  /** Without Redis: what this process holds. */
  override async inUse(key: string): Promise<number> {
    const account = this.accountOf(key);
    return (await this.answered(account, account.look()))?.inUse ?? account.held;
  }

  override async callRoll(own: number, others: readonly number[]): Promise<number[]> {
    this.scripts.instanceId = String(own);
    this.isOnRoll = true;
    // Without Redis nobody can be answered for.
    const silent = await within(ANSWER_MS, this.roll(others.map(String)));
    return (silent ?? []).map(Number);
  }

  override answerFor(other: number, key: string, held: number): void {
    this.accountOf(key)
      .answerFor(String(other), held)
      .catch(() => {}); // said again by whoever asked; the link tells of the outage
  }

  /** Stops the timers and ends `freed`. What was still held is given back: nobody here uses it any more. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.beat);
    this.options.link.events.off('ready', this.announceAll);
    for (const { timer } of this.alarms.values()) clearTimeout(timer);
    this.alarms.clear();
    this.notices.complete();
    if (!this.options.link.isReady) return;
    const goodbyes = [...this.accounts.values()].map((account) => {
      account.giveBack(account.held, 0);
      return account.announce();
    });
    await within(ANSWER_MS, Promise.all(goodbyes));
  }

  private accountOf(key: string): PermitAccount {
    let account = this.accounts.get(key);
    if (!account) {
      if (this.accounts.size >= MAX_IDLE_KEYS) this.forgetIdle();
      account = new PermitAccount(key, {
        scripts: this.scripts,
        now: () => this.options.clock.now(),
        serverNow: () => this.options.serverClock?.now() ?? null,
        onOpen: (freedKey, opensIn) => this.noteOpen(freedKey, opensIn),
      });
      this.accounts.set(key, account);
    }
    return account;
  }

  private forgetIdle(): void {
    const now = this.options.clock.now();
    for (const [key, { held, isAwaited, pausedUntil }] of this.accounts) {
      if (held === 0 && !isAwaited && pausedUntil <= now) this.accounts.delete(key);
    }
  }

  /**
   * The answer, or null when Redis is not there or takes too long. Permits of an answer that comes too late go back: its
   * asker was told that there are none.
   */
  private async answered<T extends object>(account: PermitAccount, answer: Promise<T>): Promise<T | null> {
    let isLate = false;
    const settled = answer
      .catch(() => null) // the link tells of the outage
      .then((value) => {
        account.isSilent = false;
        if (isLate && value !== null && 'granted' in value) this.takeBack(account, Number(value.granted));
        return { value };
      });
    const inTime = await within(ANSWER_MS, settled);
    if (!inTime) isLate = account.isSilent = true;
    return inTime?.value ?? null;
  }

  private takeBack(account: PermitAccount, granted: number): void {
    if (granted === 0) return;
    account.giveBack(granted, granted);
    void account.announce();
  }

  private async roll(others: readonly string[]): Promise<string[]> {
    const now = this.options.serverClock?.now() ?? null;
    return this.scripts.callRoll(now, others).catch(() => []); // the next beat says it again; the link tells of the outage
  }

  private sayAll(): void {
    if (!this.options.link.isReady) return;
    const now = this.options.clock.now();
    const said: Promise<boolean>[] = [];
    for (const account of this.accounts.values()) {
      if (account.held > 0 || account.isAwaited || account.pausedUntil > now) said.push(account.announce());
    }
    // Only then: whoever is on the roll is not answered for any more.
    if (this.isOnRoll) void Promise.all(said).then(() => this.roll([]));
  }

  /** `<ms> <key>`: from any process of this deployment. */
  private hear(message: string): void {
    const [, ms, key] = /^(\d{1,15}) (.+)$/s.exec(message) ?? [];
    const account = this.accounts.get(key ?? '');
    if (!account || ms === undefined || key === undefined) return;
    account.freedCount += 1;
    this.noteOpen(key, Number(ms));
  }

  private noteOpen(key: string, opensIn: number): void {
    if (!this.accounts.get(key)?.isAwaited) return;
    if (opensIn === 0) this.emitSoon(key);
    else this.wakeIn(key, opensIn);
  }

  /** `ms` -1: it opens when a permit comes back, and that is told. */
  private wakeIn(key: string, ms: number): void {
    if (this.isClosed || ms < 0) return;
    const now = this.options.clock.now();
    const at = now + ms;
    const known = this.alarms.get(key);
    if (known && known.at <= at) return;
    if (known) clearTimeout(known.timer);
    const timer = setTimeout(() => this.wake(key), Math.min(ms, MAX_TIMER_MS));
    timer.unref();
    this.alarms.set(key, { at, timer });
  }

  private wake(key: string): void {
    this.alarms.delete(key);
    const account = this.accounts.get(key);
    if (!account?.isAwaited) return;
    const pausedFor = account.pausedUntil - this.options.clock.now();
    if (pausedFor > 0) this.wakeIn(key, pausedFor);
    else this.emitSoon(key);
  }

  /** At the end of the turn and once per key, however many permits come back in it. */
  private emitSoon(key: string): void {
    if (this.isClosed) return;
    this.accounts.get(key)!.isAwaited = false;
    if (this.freedKeys.size === 0) setImmediate(() => this.emitFreed());
    this.freedKeys.add(key);
  }

  private emitFreed(): void {
    const keys = this.freedKeys;
    this.freedKeys = new Set();
    for (const key of keys) this.notices.next(key);
  }
}

/** Resolves with undefined when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  const value = await Promise.race([promise, patience]);
  clearTimeout(timer); // `promise` never rejects here
  return value ?? undefined;
}
