/** Links of a test to its Redis, each of a deployment of its own unless it is told to share one. */
import { randomUUID } from 'node:crypto';
import { RedisLink } from '../../../src/adapters/distributed/redis-link.js';
import { RedisService } from './redis.js';

let shared: Promise<RedisService> | null = null;

/** One Redis for a whole file; started by the first that asks. */
export function sharedRedis(): Promise<RedisService> {
  shared ??= RedisService.start();
  return shared;
}

export async function stopSharedRedis(): Promise<void> {
  const redis = await shared;
  shared = null;
  await redis?.stop();
}

/** Resolves when it is connected; rejects when it is not within `patienceMs`. */
export async function openLink(
  url: string,
  { prefix = `{test:${randomUUID()}}`, instanceId = randomUUID(), patienceMs = 5_000 } = {},
): Promise<RedisLink> {
  const link = new RedisLink({ url, prefix, instanceId, onChange: () => {} });
  await link.open(patienceMs);
  if (!link.isReady) {
    await link.close();
    throw new Error(`no Redis within ${patienceMs} ms: ${link.reason}`);
  }
  return link;
}
