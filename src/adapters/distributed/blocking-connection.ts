import { Redis, type Command } from 'ioredis';
import { commonOptions } from './redis-link.js';

/**
 * The connection on which one Bull queue waits for its next job. It notes when it last began to wait, which shows
 * whether that queue still turns, and it does not come back once its queue was given up: Bull's `close` connects
 * it again.
 */
export class BlockingConnection extends Redis {
  /** `performance.now()` when the queue last asked for a job. */
  turnedAt = performance.now();
  private isRetired = false;

  constructor(url: string) {
    // Bull refuses connections that check for readiness or give commands up.
    super(url, { ...commonOptions(), enableReadyCheck: false, maxRetriesPerRequest: null });
  }

  override connect(callback?: (error?: Error | null) => void): Promise<void> {
    return this.isRetired ? Promise.reject(new Error('Connection is closed.')) : super.connect(callback);
  }

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    const [command]: [Command, ...unknown[]] = sent;
    if (command.name === 'brpoplpush') this.turnedAt = performance.now();
    return super.sendCommand(...sent);
  }

  retire(): void {
    this.isRetired = true;
  }
}
