import { Redis } from 'ioredis';
import { messageOf } from '../../kernel/errors.js';
import { checkReporter } from './check-reporter.js';
import { checkRedis, type RedisFinding } from './check-redis.js';
import { checkRights, checkRoom } from './check-rights.js';
import { keyPrefix } from './distributed.module.js';
import { endConnection, onceOptions } from './redis-link.js';

/** What a look at Redis from outside of the servers has shown. */
export type RedisReport =
  | { isReachable: false; reason: string }
  | {
      isReachable: true;
      findings: RedisFinding[];
      /** How far its clock is ahead of ours, ms; null where this user may not do what a server does. */
      aheadMs: number | null;
    };

/**
 * Looks at Redis through a connection of its own, and leaves nothing there.
 *
 * @param eventbusUrl as the user whom workers are told; null when they are told none
 */
export async function examineRedis(url: string, deployment: string, eventbusUrl: string | null): Promise<RedisReport> {
  const client = new Redis(url, onceOptions());
  let reason: string | null = null;
  client.on('error', (error: Error) => (reason ??= messageOf(error)));
  try {
    await client.connect();
    const prefix = keyPrefix(deployment);
    const rights = await checkRights(client, prefix, eventbusUrl !== null);
    if (rights.status !== 'ok') return { isReachable: true, findings: [rights], aheadMs: null };
    const room = await checkRoom(client, prefix);
    const findings = [...(await checkRedis(client)), rights, room];
    const askedAt = Date.now();
    const [seconds, micros] = await client.time();
    const halfWay = (askedAt + Date.now()) / 2;
    const aheadMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - halfWay;
    if (eventbusUrl !== null && room.status === 'ok')
      findings.push(...(await checkReporter(client, eventbusUrl, prefix)));
    return { isReachable: true, findings, aheadMs };
  } catch (error) {
    return { isReachable: false, reason: reason ?? messageOf(error) };
  } finally {
    await endConnection(client);
  }
}
