/**
 * One generation of the ten Bull queues. Bull's queues do not always come back after an outage, so they are things to be
 * thrown away and made anew, in a Nest context of their own: `@nestjs/bull` makes each queue once per context.
 */
import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import type { Job, JobOptions, Queue } from 'bull';
import { BlockingConnection } from './blocking-connection.js';
import { CallSink } from './call-processors.js';
import { CallQueuesModule, QUEUE_TOKENS } from './call-queues.module.js';
import { luaOf } from './lua.js';
import { commonOptions, endConnection, type RedisLink } from './redis-link.js';

/** How long a queue waits for a job before it asks again; whole seconds, and the beat by which it shows that it lives. */
const DRAIN_DELAY_S = 1;
/** A job is held for a millisecond. When its holder died, another takes it over after so long; the call sweep was faster. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
const RETRY_MS = 500;
/** Bull looks for delayed jobs, of which there are none. */
const GUARD_MS = 60_000;
const CLOSE_MS = 2_000;
const MAX_LISTENERS = 100;

const RESUME = luaOf('resume-calls');

/** A lost call costs a second, a kept one a place in Redis. */
const JOB: JobOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

export interface QueueDepth {
  /** Calls that nobody has taken. */
  waiting: number;
  /** Calls that somebody has and has not finished. */
  active: number;
  /** Somebody has paused it in Redis, or had, and calls were put aside meanwhile. */
  isPaused: boolean;
}

export interface CallQueuesOptions {
  link: RedisLink;
  url: string;
  /** None where calls are only sent. */
  processors: readonly Type[];
  receive: (level: number, data: unknown) => void;
  /** A queue has been found empty. */
  onDrained: (level: number) => void;
  onError: (error: unknown) => void;
}

export class CallQueues {
  private queues: Queue[] = [];
  private readonly blocking: BlockingConnection[] = [];
  private readonly listening: Redis[] = [];
  private readonly openedAt = performance.now();
  private context: INestApplicationContext | null = null;

  private constructor(private readonly options: CallQueuesOptions) {}

  static async open(options: CallQueuesOptions): Promise<CallQueues> {
    const queues = new CallQueues(options);
    await queues.start();
    return queues;
  }

  /** Sends calls of one level. Rejects when Redis is not there. */
  async add(level: number, laneIds: readonly number[]): Promise<void> {
    const queue = this.queues[level]!;
    if (laneIds.length === 1) await queue.add({ laneId: laneIds[0], level }, JOB);
    else await queue.addBulk(laneIds.map((laneId) => ({ data: { laneId, level }, opts: JOB })));
  }

  /** Of each level. */
  async depths(): Promise<QueueDepth[]> {
    const pipeline = this.options.link.client.pipeline();
    for (const queue of this.queues) {
      for (const list of ['wait', 'active', 'paused']) pipeline.llen(queue.toKey(list));
      pipeline.exists(queue.toKey('meta-paused'));
    }
    const replies = (await pipeline.exec()) ?? [];
    return this.queues.map((_, level) => {
      const told = replies.slice(4 * level).map(([, reply]) => Number(reply ?? 0));
      const [wait = 0, active = 0, aside = 0, marks = 0] = told;
      return { waiting: wait + aside, active, isPaused: marks + aside > 0 };
    });
  }

  /** Tells whether the queue was paused still. Calls that were put aside come, without Bull's `resume`: it drops those that wait. */
  async resume(level: number): Promise<boolean> {
    const keys = ['meta-paused', 'meta', 'paused', 'wait'].map((name) => this.queues[level]!.toKey(name));
    return (await this.options.link.client.eval(RESUME, keys.length, ...keys)) === 1;
  }

  /** ms since the slowest consumed queue last asked for a job. Bull does so every second, or it does not turn any more. */
  stillFor(): number {
    const { length } = this.options.processors;
    const begun = this.blocking.map(({ turnedAt }) => turnedAt);
    return length === 0 ? 0 : performance.now() - Math.min(...begun, ...(begun.length < length ? [this.openedAt] : []));
  }

  /** Resolves when all is down, dead connections included. Jobs that were on their way are taken over by another process. */
  async close(): Promise<void> {
    for (const connection of this.blocking) connection.retire();
    // First, so that Bull takes the broken connections for the end and not for an accident.
    const closing = this.queues.map((queue) => queue.close(true));
    const connections = [...this.blocking, ...this.listening];
    for (const connection of connections) connection.disconnect();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([Promise.allSettled(closing), patience]);
    clearTimeout(timer);
    await Promise.all(connections.map((connection) => endConnection(connection)));
    await Promise.race([this.context?.close(), patience]);
  }

  private async start(): Promise<void> {
    const { link, processors, receive, onError } = this.options;
    const bull = {
      prefix: link.prefix,
      createClient: (type: 'client' | 'subscriber' | 'bclient') => this.connection(type),
      skipVersionCheck: true,
      settings: {
        drainDelay: DRAIN_DELAY_S,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        guardInterval: GUARD_MS,
        retryProcessDelay: RETRY_MS,
      },
    };
    const sink: CallSink = { receive };
    this.context = await NestFactory.createApplicationContext(
      CallQueuesModule.forRoot(bull, processors, sink, onError),
      { logger: false, abortOnError: false },
    );
    this.queues = QUEUE_TOKENS.map((token) => this.context!.get<Queue>(token, { strict: false }));
    for (const [level, queue] of this.queues.entries()) {
      queue.on('error', onError);
      queue.on('drained', () => this.options.onDrained(level));
      queue.on('failed', (_job: Job, error: Error) => onError(error));
    }
  }

  /** Sending is shared by all; a queue that waits for jobs needs a connection of its own for that. */
  private connection(type: 'client' | 'subscriber' | 'bclient'): Redis {
    const { link, url } = this.options;
    if (type === 'client') return link.client;
    if (type === 'bclient') {
      const connection = new BlockingConnection(url);
      this.blocking.push(connection);
      return connection;
    }
    const known = this.listening[0];
    if (known) return known;
    const subscriber = new Redis(url, { ...commonOptions(), enableReadyCheck: false, maxRetriesPerRequest: null });
    subscriber.setMaxListeners(MAX_LISTENERS);
    this.listening.push(subscriber);
    return subscriber;
  }
}
