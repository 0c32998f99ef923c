import { Redis } from 'ioredis';
import { checkReporter } from './check-reporter.js';
import { checkRedis, type RedisFinding } from './check-redis.js';
import { keyPrefix } from './distributed.module.js';
import { endConnection, onceOptions } from './redis-link.js';

/** What a look at Redis from outside of the servers has shown. */
export type RedisReport =
  | { isReachable: false; reason: string }
  | {
      isReachable: true;
      findings: RedisFinding[];
      /** How far its clock is ahead of ours, ms. */
      aheadMs: number;
      /** What it says when it refuses this user what a server does; null when it does not. */
      refusal: string | null;
    };

/**
 * Looks at Redis through a connection of its own, and leaves nothing there.
 *
 * @param eventbusUrl as the user whom workers are told; null when they are told none
 */
export async function examineRedis(url: string, deployment: string, eventbusUrl: string | null): Promise<RedisReport> {
  const client = new Redis(url, onceOptions());
  let reason: string | null = null;
  client.on('error', (error: Error) => (reason ??= error.message));
  try {
    await client.connect();
    const findings = await checkRedis(client);
    const askedAt = Date.now();
    const [seconds, micros] = await client.time();
    const halfWay = (askedAt + Date.now()) / 2;
    const aheadMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - halfWay;
    const prefix = keyPrefix(deployment);
    const refusal = await refusalOf(client, prefix);
    if (eventbusUrl !== null && refusal === null) findings.push(...(await checkReporter(client, eventbusUrl, prefix)));
    return { isReachable: true, findings, aheadMs, refusal };
  } catch (error) {
    return { isReachable: false, reason: reason ?? (error as Error).message };
  } finally {
    await endConnection(client);
  }
}

/** Tries a script over a key of ours and a message, as servers send them. */
async function refusalOf(client: Redis, prefix: string): Promise<string | null> {
  try {
    const script = `redis.call('SET', KEYS[1], '1', 'PX', 1000) return redis.call('DEL', KEYS[1])`;
    await client.eval(script, 1, `${prefix}:doctor`);
    await client.publish(`${prefix}:doctor`, '');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
