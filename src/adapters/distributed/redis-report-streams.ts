/**
 * Workers' reports in streams of Redis, one for each tenant and process. They are read on a connection of their own, which
 * waits for them; each is deleted once it was heard, so a stream is all but empty as long as somebody reads it.
 *
 * Whoever writes is not trusted: no more than a number of entries is kept, and streams that nobody reads are dropped, be they
 * of a process that has died or made up.
 */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { ServiceLoop } from '../../kernel/service-loop.js';
import {
  ReportStreams,
  type StreamAddress,
  type StreamListener,
  type StreamedReport,
} from '../../ports/report-streams.js';
import { reportPattern, type ReportKeys } from './report-keys.js';
import { endConnection, promptOptions, type RedisLink } from './redis-link.js';

/** How long a read waits for something to come; as late are streams of new tenants noticed. */
const WAIT_MS = 1_000;
/** Without a byte for so long, although a read has to end before, the connection is dead. */
const SILENCE_MS = 3 * WAIT_MS;
/** Between looks for a connection, or for a tenant whose reports count. */
const IDLE_MS = 250;
/** Entries of one stream in one read. */
const READ_COUNT = 100;
/** Entries that a stream may hold while its reader is slow; the oldest are dropped. */
const MAX_WAITING = 10_000;
const BEAT_MS = 5_000;
/** Silent for so long, a reader is taken for dead, and its streams go. */
const ALIVE_MS = 4 * BEAT_MS;
/** Each reader looks so often for what others have left behind: longer than it takes them to say that they live. */
const SWEEP_MS = 60_000;
/** Keys looked at in one step of a sweep. */
const SCAN_COUNT = 1_000;
/** Longer than any name that says something. */
const MAX_NAME = 100;

const FORGET = readFileSync(new URL('scripts/forget-reports.lua', import.meta.url), 'utf8');

/** A stream with its entries: ids, and fields and values by turns. */
type Read = [stream: Buffer, entries: [id: Buffer, fields: Buffer[]][]];

interface ReaderClient extends Redis {
  forgetReports(stream: string, ...ids: Buffer[]): Promise<unknown>;
}

export interface RedisReportStreamsOptions {
  link: RedisLink;
  /** Of the servers' own user. */
  redisUrl: string;
  keys: ReportKeys;
  /** What workers are told. */
  toldUrl: string;
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
  private sweptAt = performance.now();
  private listener: StreamListener | null = null;

  constructor(private readonly options: RedisReportStreamsOptions) {
    super();
    const { link, redisUrl, onError, beatMs = BEAT_MS } = options;
    this.instanceId = link.instanceId;
    this.reader = new Redis(redisUrl, promptOptions(SILENCE_MS)) as ReaderClient;
    this.reader.defineCommand('forgetReports', { numberOfKeys: 1, lua: FORGET });
    const guarded = (error: unknown): void => {
      if (!this.closing.signal.aborted && link.isReady) onError(error); // the link tells of an outage
    };
    this.reading = new ServiceLoop({ name: 'reports', intervalMs: IDLE_MS, step: () => this.read(), onError: guarded });
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

  /** True when it may go on at once: it has waited itself. */
  private async read(): Promise<boolean> {
    const streams = this.streams();
    if (this.reader.status !== 'ready' || streams.length === 0) return false;
    const names = streams.map(({ stream }) => stream);
    const tenants = new Map(streams.map(({ stream, tenantSeq }) => [stream, tenantSeq]));
    const limits = ['COUNT', READ_COUNT, 'BLOCK', WAIT_MS];
    const args = [...limits, 'STREAMS', ...names, ...names.map(() => '0')]; // from the beginning: what was heard is gone
    const read = (await this.reader.callBuffer('XREAD', args)) as Read[] | null;
    const passed = await Promise.allSettled(
      (read ?? []).map(([name, entries]) => this.pass(tenants.get(name.toString())!, name.toString(), entries)),
    );
    for (const outcome of passed) if (outcome.status === 'rejected') throw outcome.reason;
    return true;
  }

  private async pass(tenantSeq: number, stream: string, entries: Read[1]): Promise<void> {
    const before = this.heard.get(stream);
    const reports = entries.filter(([id]) => !before?.has(id.toString())).map(([, fields]) => toReport(fields));
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

/** What is not there is empty. */
function toReport(fields: readonly Buffer[]): StreamedReport {
  const report: StreamedReport = { name: '', payload: Buffer.alloc(0) };
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [field, value] = [fields[at]!.toString('latin1', 0, MAX_NAME), fields[at + 1]!];
    if (field === 'name') report.name = value.toString('utf8', 0, MAX_NAME);
    if (field === 'payload') report.payload = value;
  }
  return report;
}
