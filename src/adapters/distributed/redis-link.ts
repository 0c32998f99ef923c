/**
 * The two connections of a process to Redis that its ports share: one for commands, one that listens.
 *
 * Nothing waits for Redis here. A command that finds no connection fails at once, one that was on its way when the
 * connection broke fails with it and is never sent twice: whoever sent it says it anew, or somebody else does. Both
 * connections come back by themselves, also from a line that swallows everything without a word.
 */
import { EventEmitter } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { messageOf } from '../../kernel/errors.js';

/** Redis answers in well under a millisecond; so long without a byte means that nobody is there. */
const SILENCE_MS = 2_000;
const BEAT_MS = 1_000;
/** Beats that may be missing before the listening connection counts as dead. */
const DEAF_MS = 2_500;
const CONNECT_MS = 2_000;
/** What a dead line gets to say good-bye. */
const DISCONNECT_MS = 100;
const FIRST_RETRY_MS = 50;
/** Short enough to be back within seconds, long enough that trying costs nothing. */
const MAX_RETRY_MS = 1_000;
/** Each Bull queue listens for errors on the connections it shares with nine others, and each at two places. */
const MAX_LISTENERS = 100;

export interface RedisLinkOptions {
  url: string;
  /** Begins every key and channel; its braces keep all keys in one slot of a cluster. */
  prefix: string;
  instanceId: string;
  /** Told when Redis goes away (with the last error, if there was one) and when it is back. */
  onChange: (isReady: boolean, error: Error | null) => void;
}

interface LinkEvents {
  ready: [];
}

export class RedisLink {
  /** For commands. Fails at once while there is no connection. */
  readonly client: Redis;
  readonly prefix: string;
  readonly instanceId: string;
  /** `ready`: there is a connection, again or for the first time; what Redis knew may be gone. */
  readonly events = new EventEmitter<LinkEvents>();
  private readonly subscriber: Redis;
  private readonly listeners = new Map<string, (message: string) => void>();
  private beat: NodeJS.Timeout | null = null;
  private heardAt = 0;
  private wasReady = false;
  private lastError: Error | null = null;

  constructor(private readonly options: RedisLinkOptions) {
    this.prefix = options.prefix;
    this.instanceId = options.instanceId;
    this.client = new Redis(options.url, promptOptions(SILENCE_MS));
    this.client.setMaxListeners(MAX_LISTENERS);
    this.subscriber = new Redis(options.url, { ...commonOptions(), lazyConnect: true, maxRetriesPerRequest: null });
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /** What went wrong last while there is no connection; null when nothing has. */
  get reason(): string | null {
    return this.lastError === null ? null : messageOf(this.lastError);
  }

  /** Begins to connect, and resolves when it has or after `patienceMs`, whichever is first; it goes on trying then. */
  async open(patienceMs = CONNECT_MS): Promise<void> {
    this.client.on('error', (error: Error) => (this.lastError = error));
    this.subscriber.on('error', (error: Error) => (this.lastError = error));
    this.client.on('ready', () => this.noteReady());
    this.client.on('close', () => this.noteGone());
    this.subscriber.on('message', (channel: string, message: string) => this.hear(channel, message));
    this.heardAt = performance.now();
    this.listen('beat', () => {}); // hearing anything is what counts
    const connecting = Promise.all([this.client.connect(), this.subscriber.connect()]);
    connecting.catch(() => {}); // told of as an error, and tried again
    this.beat = setInterval(() => this.pulse(), BEAT_MS);
    this.beat.unref();
    await this.opened(patienceMs);
  }

  /** What is published under `topic` of this deployment, by this process too. One listener per topic; it must not throw. */
  listen(topic: string, onMessage: (message: string) => void): void {
    const channel = this.channel(topic);
    this.listeners.set(channel, onMessage);
    // ioredis subscribes again after each reconnection, to what was asked for once it was connected.
    this.subscriber.subscribe(channel).catch((error: Error) => (this.lastError = error));
  }

  /** Resolves when it hears what is published under every topic listened to so far; rejects when the connection ends. */
  async heard(): Promise<void> {
    await this.subscriber.subscribe(...this.listeners.keys());
  }

  channel(topic: string): string {
    return `${this.prefix}:${topic}`;
  }

  /** Lossy; resolves or rejects when Redis has it or cannot be reached. */
  async publish(topic: string, message: string): Promise<void> {
    await this.client.publish(this.channel(topic), message);
  }

  async close(): Promise<void> {
    this.wasReady = false; // it is we who go: nobody need be told that Redis is away
    if (this.beat) clearInterval(this.beat);
    this.events.removeAllListeners();
    this.listeners.clear();
    await Promise.all([this.client, this.subscriber].map((connection) => endConnection(connection)));
  }

  private async opened(patienceMs: number): Promise<void> {
    if (this.isReady) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.events.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private hear(channel: string, message: string): void {
    this.heardAt = performance.now();
    this.listeners.get(channel)?.(message);
  }

  /**
   * One message a second through both connections. It makes the commands' silence show, because it wants an answer, and
   * the listener's, because it wants to be heard. And one write: a server that was demoted takes messages all the same, and
   * passes them on to nobody.
   */
  private pulse(): void {
    if (!this.isReady) return;
    const noteError = (error: Error) => (this.lastError = error);
    this.publish('beat', this.instanceId).catch(noteError);
    this.client.set(this.channel('written'), '', 'PX', BEAT_MS).catch(noteError);
    if (performance.now() - this.heardAt < DEAF_MS) return;
    this.heardAt = performance.now(); // as long again for the new connection
    if (this.subscriber.status === 'ready') this.subscriber.disconnect(true);
  }

  private noteReady(): void {
    this.heardAt = performance.now();
    this.wasReady = true;
    this.options.onChange(true, null);
    this.events.emit('ready');
  }

  private noteGone(): void {
    if (!this.wasReady) return;
    this.wasReady = false;
    this.options.onChange(false, this.lastError);
    this.lastError = null;
  }
}

/** What all connections of this process have in common. */
export function commonOptions(): RedisOptions & { disconnectTimeout: number } {
  return {
    connectTimeout: CONNECT_MS,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: (times) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), MAX_RETRY_MS),
    // Go and look who answers at that address now.
    reconnectOnError: demotions(),
  };
}

/**
 * Tells the first of the refusals of a server that was demoted; whatever else was on its way is refused too. Redis 6.2 quotes
 * a refusal behind words of its own where a script was to write.
 */
function demotions(): (error: Error) => boolean {
  let toldAt = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    const now = performance.now();
    if (!/(?:^|-)READONLY /.test(message) || now - toldAt < DISCONNECT_MS) return false;
    toldAt = now;
    return true;
  };
}

/** Of a connection on which commands fail at once while it is down, and that is dead after so long without a byte. */
export function promptOptions(silenceMs: number): RedisOptions {
  return {
    ...commonOptions(),
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    socketTimeout: silenceMs,
  };
}

/** Of a connection that is made once, to look at a Redis that may not be there. */
export function onceOptions(): RedisOptions {
  return { ...commonOptions(), lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null };
}

/**
 * Resolves when the connection is down for good, a dead one after a moment. One that is between two tries has nothing to
 * take down, and ioredis tells of no end then.
 */
export async function endConnection(connection: Redis): Promise<void> {
  if (connection.status === 'end' || connection.status === 'wait') return;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((resolve) => {
    connection.once('end', () => resolve());
    timer = setTimeout(resolve, 2 * DISCONNECT_MS);
  });
  const isBetweenTries = connection.status === 'reconnecting';
  connection.disconnect();
  if (!isBetweenTries) await ended;
  clearTimeout(timer);
}
