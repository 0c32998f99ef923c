/**
 * Workers' reports in streams of Redis, one for each tenant and process. They are read on a connection of their own; each is
 * deleted once it was heard, so a stream is all but empty as long as somebody reads it.
 *
 * Whoever writes is not trusted: no more than a number of entries and bytes is kept, streams that nobody reads are dropped, be
 * they of a process that has died or made up, and only what is small enough leaves Redis. That is why a script looks for
 * entries again and again: a read of Redis that waits is answered with whatever was added, of any size.
 */
import { Redis } from 'ioredis';
import { ServiceLoop } from '../../kernel/service-loop.js';
import {
  ReportStreams,
  type StreamAddress,
  type StreamListener,
  type StreamedReport,
} from '../../ports/report-streams.js';
import { luaOf } from './lua.js';
import { reportPattern, type ReportKeys } from './report-keys.js';
import { endConnection, promptOptions, type RedisLink } from './redis-link.js';

/** Between looks while nothing comes: soon enough for whoever reads a stream along, and nothing to Redis. */
const LOOK_MS = 20;
/** Redis answers in well under a millisecond; so long without a byte means that nobody is there. */
const SILENCE_MS = 3_000;
/** Entries of one stream in one read. */
const READ_COUNT = 100;
/** Of all streams in one read; one entry may go beyond. */
const READ_BYTES = 8 * 1024 * 1024;
/** Entries that a stream may hold while its reader is slow; the oldest are dropped. */
const MAX_WAITING = 10_000;
/** Bytes that it may hold, or as many payloads of full size if that is more; the older half is dropped then. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const MAX_WAITING_PAYLOADS = 16;
const BEAT_MS = 5_000;
/** Silent for so long, a reader is taken for dead, and its streams go. */
const ALIVE_MS = 4 * BEAT_MS;
/** Each reader looks so often for what others have left behind: longer than it takes them to say that they live. */
const SWEEP_MS = 60_000;
/** Keys looked at in one step of a sweep. */
const SCAN_COUNT = 1_000;

const TAKE = luaOf('take-reports');
const FORGET = luaOf('forget-reports');

type Entry = [id: Buffer, name: Buffer, payload: Buffer | null];
/** The place of a stream among those asked for, from 1, and its oldest entries. */
type Taken = [place: number, entries: Entry[]];

interface ReaderClient extends Redis {
  takeReportsBuffer(streams: number, ...args: Array<string | number>): Promise<Taken[]>;
  forgetReports(stream: string, ...ids: Buffer[]): Promise<unknown>;
}

export interface RedisReportStreamsOptions {
  link: RedisLink;
  /** Of the servers' own user. */
  redisUrl: string;
  keys: ReportKeys;
  /** What workers are told. */
  toldUrl: string;
  /** A larger payload is not read. */
  maxBytes: number;
  /** Told of what went wrong; it goes on. */
  onError: (error: unknown) => void;
  beatMs?: number;
  aliveMs?: number;
  sweepMs?: number;
}

export class RedisReportStreams extends ReportStreams {
  override readonly missing = null;
  override readonly instanceId: string;
  private readonly reader: ReaderClient;
  private readonly reading: ServiceLoop;
  private readonly beating: ServiceLoop;
  private readonly closing = new AbortController();
  /** Ids of entries that were heard and perhaps not deleted, by stream. */
  private readonly heard = new Map<string, ReadonlySet<string>>();
  /** The stream that was read last; the next read begins after it, so that one that is always full keeps nobody waiting. */
  private last: string | null = null;
  private sweptAt = performance.now();
  private listener: StreamListener | null = null;

  constructor(private readonly options: RedisReportStreamsOptions) {
    super();
    const { link, redisUrl, onError, beatMs = BEAT_MS } = options;
    this.instanceId = link.instanceId;
    this.reader = new Redis(redisUrl, promptOptions(SILENCE_MS)) as ReaderClient;
    this.reader.defineCommand('takeReports', { lua: TAKE });
    this.reader.defineCommand('forgetReports', { numberOfKeys: 1, lua: FORGET });
    const guarded = (error: unknown): void => {
      if (!this.closing.signal.aborted && link.isReady) onError(error); // the link tells of an outage
    };
    this.reading = new ServiceLoop({ name: 'reports', intervalMs: LOOK_MS, step: () => this.read(), onError: guarded });
    this.beating = new ServiceLoop({
      name: 'report-beat',
      intervalMs: beatMs,
      step: () => this.beat(),
      onError: guarded,
    });
  }

  override addressOf(tenantSeq: number): StreamAddress {
    return { url: this.options.toldUrl, topic: this.options.keys.topicOf(tenantSeq) };
  }

  override listen(listener: StreamListener): void {
    this.listener = listener;
    this.options.link.events.on('ready', () => {
      this.sweptAt = performance.now(); // Redis may be empty: first let all say that they live
      this.beating.wake();
    });
    this.reader.on('error', () => {}); // the link tells of an outage, and both go to the same Redis
    this.reader.connect().catch(() => {}); // it tries again by itself
    this.beating.start();
    this.reading.start();
  }

  override async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    this.closing.abort();
    const ended = endConnection(this.reader);
    await Promise.all([this.reading.stop(), this.beating.stop(), ended]);
    const { link, keys } = this.options;
    if (this.listener === null || !link.isReady) return; // others clear up then
    const own = this.streams().map(({ stream }) => stream);
    await link.client.unlink(keys.signOfLife(this.instanceId), ...own).catch(this.options.onError);
  }

  private streams(): { tenantSeq: number; stream: string }[] {
    return [...this.listener!.tenants()].map((tenantSeq) => ({
      tenantSeq,
      stream: this.options.keys.streamOf(tenantSeq, this.instanceId),
    }));
  }

  /** True when there may be more. */
  private async read(): Promise<boolean> {
    const all = this.streams();
    if (this.reader.status !== 'ready' || all.length === 0) return false;
    const next = all.findIndex(({ stream }) => stream === this.last) + 1;
    const streams = [...all.slice(next), ...all.slice(0, next)];
    const { maxBytes } = this.options;
    const names = streams.map(({ stream }) => stream);
    const waitingBytes = Math.max(MAX_WAITING_BYTES, MAX_WAITING_PAYLOADS * maxBytes);
    const limits = [waitingBytes, maxBytes, READ_COUNT, READ_BYTES];
    const taken = await this.reader.takeReportsBuffer(names.length, ...names, ...limits);
    const passed = await Promise.allSettled(
      taken.map(([place, entries]) => {
        const { tenantSeq, stream } = streams[place - 1]!;
        this.last = stream;
        return this.pass(tenantSeq, stream, entries);
      }),
    );
    for (const outcome of passed) if (outcome.status === 'rejected') throw outcome.reason;
    return taken.length > 0;
  }

  private async pass(tenantSeq: number, stream: string, entries: readonly Entry[]): Promise<void> {
    const before = this.heard.get(stream);
    const reports = entries.filter(([id]) => !before?.has(id.toString())).map(toReport);
    this.heard.set(stream, new Set(entries.map(([id]) => id.toString())));
    const { signal } = this.closing;
    if (reports.length > 0) await this.listener!.hear(tenantSeq, reports, signal).catch(this.options.onError);
    // Where that fails, they come again with the next read, because it begins with the oldest, and are passed over.
    await this.reader.forgetReports(stream, ...entries.map(([id]) => id));
    this.heard.delete(stream);
  }

  /** What makes room comes first, and needs none: Redis may be full. */
  private async beat(): Promise<void> {
    const { link, keys, aliveMs = ALIVE_MS, sweepMs = SWEEP_MS } = this.options;
    if (!link.isReady) return;
    for (const { stream } of this.streams()) await link.client.xtrim(stream, 'MAXLEN', MAX_WAITING);
    const sign = keys.signOfLife(this.instanceId);
    const isKnown = (await link.client.pexpire(sign, aliveMs)) === 1;
    const now = performance.now();
    if (now - this.sweptAt >= sweepMs) {
      this.sweptAt = now;
      await this.sweep();
    }
    if (!isKnown) await link.client.set(sign, '1', 'PX', aliveMs);
  }

  /** Drops all streams but those that somebody reads. */
  private async sweep(): Promise<void> {
    const { link, keys } = this.options;
    const tokens = new Set([...this.listener!.tenants()].map((tenantSeq) => keys.tokenOf(tenantSeq)));
    let cursor = '0';
    do {
      const found = await link.client.scan(cursor, 'MATCH', reportPattern(link.prefix), 'COUNT', SCAN_COUNT);
      cursor = found[0];
      for (const stream of found[1]) {
        const parts = keys.partsOf(stream);
        const isRead =
          parts !== null &&
          tokens.has(parts.token) &&
          (await link.client.exists(keys.signOfLife(parts.instanceId))) === 1;
        if (!isRead) await link.client.unlink(stream);
      }
    } while (cursor !== '0' && !this.closing.signal.aborted);
  }
}

function toReport([, name, payload]: Entry): StreamedReport {
  return { name: name.toString(), payload };
}
