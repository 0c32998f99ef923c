import {
  Global,
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { Role } from '../../config/app-config.js';
import { toldUrl } from '../../config/eventbus-url.js';
import { Clock } from '../../kernel/clock.js';
import { sparingly } from '../../kernel/sparingly.js';
import { BlobStore } from '../../ports/blob-store.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import { ReportStreams } from '../../ports/report-streams.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import { NoReportStreams } from '../local/no-report-streams.js';
import { BullBroker } from './bull-broker.js';
import { DeploymentClaim } from './deployment-claim.js';
import { checkReporter } from './check-reporter.js';
import { checkRedis, type RedisFinding } from './check-redis.js';
import { checkRights } from './check-rights.js';
import { RedisEventBus } from './redis-event-bus.js';
import { RedisLimiter } from './redis-limiter.js';
import { RedisReportStreams } from './redis-report-streams.js';
import { ReportKeys } from './report-keys.js';
import { RedisLink } from './redis-link.js';

const OPTIONS = Symbol('DISTRIBUTED_OPTIONS');
const SAME_NAME =
  'another deployment, whose database has the same name, uses it. Give one of them another name, or another database of Redis (/1).';
/** So often at most is told what goes wrong each second, or with each of the ten queues. */
const LOG_PAUSE_MS = 10_000;

export interface DistributedOptions {
  /** `redis://[user:password@]host:port[/db]`, or `rediss://` for TLS. */
  redisUrl: string;
  /** A process that only serves the API sends calls and consumes none. */
  role: Role;
  /** New at each start; other processes know this one by it. Without spaces. */
  instanceId: string;
  blobStore: BlobStore;
  /**
   * The user of the same Redis that workers are told, what names of their streams are made from, and how large what they
   * report may be; null for none.
   */
  eventbus?: { url: string; secret: string; maxBytes: number } | null;
  /** Keeps deployments that share one Redis apart: by name, and those of one name, which cannot share it, by id. */
  deployment?: { name: string; id: string };
  /** Starts on a Redis that evicts keys or is too old. For tests, and for people who know better. */
  ignoreFindings?: boolean;
}

/** The ports of the mode in which any number of processes share the work. Wants Clock, AppLogger and Metrics. */
@Global()
@Module({})
export class DistributedModule implements OnModuleInit, OnApplicationShutdown {
  private claim: DeploymentClaim | null = null;

  constructor(
    @Inject(OPTIONS) private readonly options: DistributedOptions,
    private readonly link: RedisLink,
    private readonly broker: BullBroker,
    private readonly events: RedisEventBus,
    private readonly limiter: RedisLimiter,
    private readonly reports: ReportStreams,
    private readonly logger: AppLogger,
  ) {}

  static forRoot(options: DistributedOptions): DynamicModule {
    return {
      module: DistributedModule,
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: RedisLink, inject: [OPTIONS, AppLogger], useFactory: makeLink },
        { provide: BullBroker, inject: [OPTIONS, RedisLink, Clock, AppLogger, Metrics], useFactory: makeBroker },
        { provide: RedisEventBus, inject: [RedisLink, AppLogger, Metrics], useFactory: makeEventBus },
        { provide: RedisLimiter, inject: [RedisLink, Clock, AppLogger], useFactory: makeLimiter },
        { provide: ReportStreams, inject: [OPTIONS, RedisLink, AppLogger], useFactory: makeReportStreams },
        { provide: BlobStore, useValue: options.blobStore },
        { provide: Broker, useExisting: BullBroker },
        { provide: EventBus, useExisting: RedisEventBus },
        { provide: Limiter, useExisting: RedisLimiter },
      ],
      exports: [BlobStore, Broker, EventBus, Limiter, ReportStreams],
    };
  }

  /**
   * Refuses to start on a Redis that does not fit, or is not there: an address that is wrong is found out now. Later it may go
   * away and come back as it likes.
   */
  async onModuleInit(): Promise<void> {
    const { redisUrl, ignoreFindings = false } = this.options;
    await this.link.open();
    const findings = this.link.isReady ? await this.examine() : [];
    const texts = findings.filter(({ status }) => status === 'failed').map(({ message, fix }) => `${message}. ${fix}`);
    if (!this.link.isReady) {
      const tls = redisUrl.startsWith('rediss:') ? ', and speaks TLS there' : '';
      texts.push(
        `it does not answer (${this.link.reason ?? 'it said nothing'}). Check MILLRACE_REDIS_URL, and that Redis runs${tls}.`,
      );
    }
    const hasPlace = this.link.isReady && !findings.some(({ check }) => check === 'redis-database');
    if (hasPlace && !(await this.isAlone())) texts.push(SAME_NAME);
    if (texts.length > 0 && !ignoreFindings) {
      await this.closeAll();
      throw new Error(`Redis at ${describeUrl(redisUrl)} cannot be used: ${texts.join(' ')}`);
    }
    const log = this.logger.child('redis');
    for (const text of texts) log.warn({}, `Redis does not fit, and is used all the same: ${text}`);
    for (const { status, message, fix } of findings) if (status === 'warning') log.warn({ fix }, message);
    await this.broker.open();
  }

  /** Whether no other deployment has our keys. */
  private async isAlone(): Promise<boolean> {
    const { deployment } = this.options;
    if (deployment === undefined) return true;
    const log = this.logger.child('redis');
    const tell = sparingly(LOG_PAUSE_MS, (fields: object, text: string) => log.error(fields, text));
    this.claim = new DeploymentClaim({
      link: this.link,
      deploymentId: deployment.id,
      onConflict: () => tell({}, `Redis must not be used like that: ${SAME_NAME}`),
      onError: (err) => tell({ err }, 'it could not be said in Redis whose the keys are; tried again'),
    });
    return this.claim.take();
  }

  private async examine(): Promise<RedisFinding[]> {
    const { client, prefix } = this.link;
    const { eventbus = null } = this.options;
    const rights = await checkRights(client, prefix, eventbus !== null);
    if (rights.status === 'failed') return [rights];
    const findings = await checkRedis(client);
    return eventbus === null ? findings : [...findings, ...(await checkReporter(client, eventbus.url, prefix))];
  }

  /** Last of all, after the engines have stopped: calls first, so that nothing is begun on what closes next. */
  async onApplicationShutdown(): Promise<void> {
    await this.closeAll();
  }

  private async closeAll(): Promise<void> {
    await this.broker.stop();
    await this.reports.close();
    await this.events.close();
    await this.limiter.close();
    await this.claim?.stop();
    await this.link.close();
  }
}

/** Where Redis is, without who may use it. */
export function describeUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? 6379 : port}${pathname === '/' ? '' : pathname}`;
}

/** The braces make Redis Cluster keep all keys together, which scripts over several keys need. */
export function keyPrefix(name?: string): string {
  return name === undefined ? '{millrace}' : `{millrace:${name}}`;
}

function makeLink({ redisUrl, instanceId, deployment }: DistributedOptions, logger: AppLogger): RedisLink {
  const log = logger.child('redis', { redis: describeUrl(redisUrl) });
  return new RedisLink({
    url: redisUrl,
    prefix: keyPrefix(deployment?.name),
    instanceId,
    onChange: (isReady, err) => {
      if (isReady) log.info({}, 'Redis is there');
      else log.warn({ err }, 'Redis is away; calls wait for the sweep, and no permits are given, until it is back');
    },
  });
}

function makeBroker(
  { redisUrl, role }: DistributedOptions,
  link: RedisLink,
  clock: Clock,
  logger: AppLogger,
  metrics: Metrics,
): BullBroker {
  const log = logger.child('broker');
  return new BullBroker({
    url: redisUrl,
    link,
    clock,
    consumes: role !== 'api',
    onError: (err, { laneId, level }) => log.error({ err, laneId, level }, 'A call failed; its lane goes on'),
    onTrouble: sparingly(LOG_PAUSE_MS, (err) =>
      log.warn({ err }, 'A queue of calls had trouble; it goes on, and the sweep repeats what was lost'),
    ),
    onResumed: (levels) =>
      log.warn(
        { levels },
        'Queues of Bull were paused in Redis, and go on: they carry nothing but calls. To stop work, pause a queue of ' +
          'Millrace: millrace queues pause NAME',
      ),
    onCount: (what, by) => {
      if (what === 'rebuilt') metrics.callQueuesRebuilt.inc(by);
      else metrics.callsLost.inc({ reason: what }, by);
    },
  });
}

function makeEventBus(link: RedisLink, logger: AppLogger, metrics: Metrics): RedisEventBus {
  const log = logger.child('event-bus');
  return new RedisEventBus({
    link,
    onError: (err, topic) => log.error({ err, topic }, 'A listener failed; it goes on listening'),
    onCount: (reason, by) => metrics.eventsLost.inc({ reason }, by),
  });
}

function makeLimiter(link: RedisLink, clock: Clock, logger: AppLogger): RedisLimiter {
  const log = logger.child('limiter');
  return new RedisLimiter({ link, clock, onError: (err) => log.error({ err }, 'A listener to freed permits failed') });
}

function makeReportStreams(
  { redisUrl, eventbus = null }: DistributedOptions,
  link: RedisLink,
  logger: AppLogger,
): ReportStreams {
  if (eventbus === null) return new NoReportStreams('its operator has not set MILLRACE_EVENTBUS_URL');
  const log = logger.child('reports');
  return new RedisReportStreams({
    link,
    redisUrl,
    keys: new ReportKeys(link.prefix, eventbus.secret),
    toldUrl: toldUrl(eventbus.url),
    maxBytes: eventbus.maxBytes,
    onError: (err) => log.error({ err }, "reading workers' reports failed; it goes on"),
  });
}
