/** What the servers' own user of Redis must be allowed, compared with what a process really does there. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BullBroker } from '../../src/adapters/distributed/bull-broker.js';
import { checkRights } from '../../src/adapters/distributed/check-rights.js';
import { DeploymentClaim } from '../../src/adapters/distributed/deployment-claim.js';
import { RedisEventBus } from '../../src/adapters/distributed/redis-event-bus.js';
import { RedisLimiter } from '../../src/adapters/distributed/redis-limiter.js';
import type { RedisLink } from '../../src/adapters/distributed/redis-link.js';
import { RedisReportStreams } from '../../src/adapters/distributed/redis-report-streams.js';
import { ReportKeys } from '../../src/adapters/distributed/report-keys.js';
import { SystemClock } from '../../src/kernel/clock.js';
import { Inbox } from '../support/inbox.js';
import { openLink } from '../support/services/redis-links.js';
import { RedisService } from '../support/services/redis.js';
import { until } from '../support/until.js';

const TENANT = 1;
const PACE = { concurrency: 10, perMinute: 5 };
const clock = new SystemClock();

let redis: RedisService;
beforeEach(async () => {
  redis = await RedisService.start();
});
afterEach(() => redis.stop());

/** The look as a user who may do all but `denied`. */
async function look(link: RedisLink, ...denied: string[]): Promise<string> {
  const rules = ['reset', 'on', '>narrow', `~${link.prefix}*`, `&${link.prefix}*`, '+@all'];
  await redis.client().acl('SETUSER', 'narrow', ...rules, ...denied.map((command) => `-${command}`));
  const narrow = await openLink(redis.url.replace('//', '//narrow:narrow@'), { prefix: link.prefix });
  try {
    return (await checkRights(narrow.client, link.prefix, true)).message;
  } finally {
    await narrow.close();
  }
}

/** Commands that Redis has run, those within scripts too. */
async function commandsRun(): Promise<string[]> {
  const stats = await redis.client().info('commandstats');
  return [...stats.matchAll(/^cmdstat_([^:|]+)/gm)].map(([, name]) => name!);
}

/** All of one process that goes through Redis, for long enough that each part of it has done what it does. */
async function workAWhile(link: RedisLink): Promise<void> {
  const trouble: unknown[] = [];
  const onError = (error: unknown): void => void trouble.push(error);
  const { url } = redis;
  const claim = new DeploymentClaim({ link, deploymentId: 'one', onConflict: () => {}, onError });
  const broker = new BullBroker({ url, link, clock, consumes: true, onError, onTrouble: onError });
  const bus = new RedisEventBus({ link, onError });
  const limiter = new RedisLimiter({ link, clock, onError });
  const keys = new ReportKeys(link.prefix, 'a-secret-of-this-test');
  const streams = new RedisReportStreams({ link, redisUrl: url, keys, toldUrl: url, maxBytes: 1_000, onError });
  const [calls, reports] = [new Inbox<number>(), new Inbox<unknown>()];
  expect(await claim.take()).toBe(true);
  await broker.open();
  broker.consume(async ({ laneId }) => calls.add(laneId));
  streams.listen({ tenants: () => new Set([TENANT]), hear: async (_tenant, heard) => heard.forEach(reports.add) });
  for (let laneId = 0; laneId < 20; laneId += 1) broker.call({ laneId, level: laneId % 2 });
  bus.publish('queues.changed', {});
  await redis.client().xadd(keys.streamOf(TENANT, link.instanceId), '*', 'name', 'x', 'payload', 'y');
  await Promise.all([calls.first(20), reports.first(1)]);
  for (let round = 0; round < 2; round += 1) {
    await until(
      () => limiter.acquire('up_a', 0, 1, PACE),
      (granted) => granted === 1,
    );
  }
  limiter.release('up_a', 1);
  // Bull looks for jobs whose holder died after some seconds.
  await until(commandsRun, (names) => names.includes('smembers'), 20_000);
  for (const part of [broker, streams, bus, limiter]) await ('stop' in part ? part.stop() : part.close());
  await claim.stop();
  expect(trouble).toEqual([]);
}

it('each command that a process and its scripts give is tried, and the look leaves nothing behind', async () => {
  const link = await openLink(redis.url);
  await workAWhile(link);
  const names = (await commandsRun()).filter((name) => name !== 'ping'); // by which the test waits for Redis
  const size = await redis.client().dbsize();
  const missed: string[] = [];
  for (const name of names) if (!(await look(link, name)).includes(name.toUpperCase())) missed.push(name);
  expect(missed).toEqual([]);
  expect(names).toEqual(
    expect.arrayContaining(['brpoplpush', 'subscribe', 'zrangebyscore', 'xrange', 'hdel', 'evalsha']),
  );
  expect(await look(link)).toBe('all that servers do is allowed');
  expect(await redis.client().dbsize()).toBeLessThanOrEqual(size);
  await link.close();
});

it('a user who may not wait for calls or hear messages is told so', async () => {
  const link = await openLink(redis.url);
  expect(await look(link, 'brpoplpush', 'subscribe', 'bzpopmin')).toBe(
    'the user of MILLRACE_REDIS_URL may not BRPOPLPUSH, SUBSCRIBE',
  );
  expect(await look(link, '@write')).toBe('the user of MILLRACE_REDIS_URL may not SET');
  await link.close();
});
