/** Redis dies, forgets, freezes or cannot be reached: calls, events and permits are back within seconds, by themselves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BullBroker } from '../../src/adapters/distributed/bull-broker.js';
import { checkRedis } from '../../src/adapters/distributed/check-redis.js';
import { RedisEventBus } from '../../src/adapters/distributed/redis-event-bus.js';
import { RedisLimiter } from '../../src/adapters/distributed/redis-limiter.js';
import type { RedisLink } from '../../src/adapters/distributed/redis-link.js';
import { SystemClock } from '../../src/kernel/clock.js';
import { heldMb } from '../support/held-memory.js';
import { openLink } from '../support/services/redis-links.js';
import { RedisService } from '../support/services/redis.js';
import { TcpProxy } from '../support/services/tcp-proxy.js';
import { until } from '../support/until.js';

const IS_LONG = process.env['LONG'] === '1';
/** For how long little CPU is used. */
const AWAY_MS = IS_LONG ? 60_000 : 5_000;
const OUTAGES_MS = IS_LONG ? [1_000, 30_000, 300_000] : [1_000, 10_000];
const TEN = { concurrency: 10, perMinute: null };
/** From the moment that Redis can be reached again. */
const BACK_MS = 5_000;
const clock = new SystemClock();
vi.setConfig({ testTimeout: IS_LONG ? 600_000 : 120_000 });
const closing: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** All of one process that goes through Redis. */
interface Process {
  link: RedisLink;
  broker: BullBroker;
  bus: RedisEventBus;
  limiter: RedisLimiter;
  calls: number[];
  close: () => Promise<void>;
}

async function startProcess(url: string, prefix?: string): Promise<Process> {
  const link = await openLink(url, prefix === undefined ? {} : { prefix });
  const broker = new BullBroker({ url, link, clock, consumes: true, onError: () => {}, onTrouble: () => {} });
  const bus = new RedisEventBus({ link, onError: () => {} });
  const limiter = new RedisLimiter({ link, clock, onError: () => {} });
  await broker.open();
  await link.heard();
  const calls: number[] = [];
  broker.consume(async ({ laneId }) => void calls.push(laneId));
  const close = async (): Promise<void> => {
    await broker.stop();
    await bus.close();
    await limiter.close();
    await link.close();
  };
  closing.push(close);
  return { link, broker, bus, limiter, calls, close };
}

/** Once its queues turn again. */
async function expectNoProblem({ broker }: Process): Promise<void> {
  await until(
    () => broker.problem,
    (problem) => problem === null,
    BACK_MS,
  );
}

async function startRedis(...args: Parameters<typeof RedisService.start>): Promise<RedisService> {
  const redis = await RedisService.start(...args);
  closing.push(() => redis.stop());
  return redis;
}

/** Lanes that nothing else calls. */
const OF_SWEEP = 1_000_000;

/** As the sweep does: says again and again that there is work, until each level has come through. */
async function expectCallsBack({ broker, calls }: Process): Promise<void> {
  const from = calls.length;
  // What was sent before may still be on its way.
  const seen = (): Set<number> => new Set(calls.slice(from).filter((laneId) => laneId >= OF_SWEEP));
  const came = await until(
    () => {
      for (let level = 0; level < 10; level += 1) broker.call({ laneId: OF_SWEEP + level, level });
      return seen().size;
    },
    (count) => count === 10,
    BACK_MS,
  );
  expect(came).toBe(10);
}

async function expectEventsBack(from: Process, to: Process): Promise<void> {
  let heard = 0;
  const subscription = to.bus.on('queues.changed').subscribe(() => (heard += 1));
  const publish = (): number => {
    from.bus.publish('queues.changed', {});
    return heard;
  };
  expect(await until(publish, (count) => count > 0, BACK_MS)).toBeGreaterThan(0);
  subscription.unsubscribe();
}

async function expectPermitsBack({ limiter }: Process): Promise<void> {
  const granted = await until(
    () => limiter.acquire('up_back', 0, 1, TEN),
    (count) => count === 1,
    BACK_MS,
  );
  expect(granted).toBe(1);
  limiter.release('up_back', 1);
}

async function expectAllBack(one: Process, two: Process): Promise<void> {
  await Promise.all([expectCallsBack(one), expectEventsBack(one, two), expectEventsBack(two, one)]);
  await Promise.all([expectPermitsBack(one), expectPermitsBack(two)]);
}

async function startPair(url: string): Promise<[Process, Process]> {
  const one = await startProcess(url);
  const two = await startProcess(url, one.link.prefix);
  // Calls of the one are to come back to it.
  await two.broker.stop();
  await expectAllBack(one, two);
  return [one, two];
}

describe('Redis', () => {
  it.each(OUTAGES_MS)('is killed, and comes back empty after %i ms', async (awayMs) => {
    const redis = await startRedis();
    const [one, two] = await startPair(redis.url);
    await redis.kill();
    await sleep(50);
    const before = performance.now();
    expect(await one.limiter.acquire('up_a', 0, 1, TEN)).toBe(0);
    expect(performance.now() - before).toBeLessThan(1_000);
    for (let laneId = 0; laneId < 10_000; laneId += 1) one.broker.call({ laneId, level: 0 });
    await sleep(awayMs);
    expect(one.broker.dropped).toBeGreaterThanOrEqual(10_000);
    await redis.restart({ empty: true });
    await expectAllBack(one, two);
  });

  it('is frozen for 3 s', async () => {
    const redis = await startRedis();
    const [one, two] = await startPair(redis.url);
    redis.pause();
    const before = performance.now();
    const asked = await Promise.all(Array.from({ length: 50 }, () => one.limiter.acquire('up_a', 0, 1, TEN)));
    expect(asked.every((granted) => granted === 0)).toBe(true);
    expect(performance.now() - before).toBeLessThan(2_000);
    // Whoever asks after them is told at once, and adds nothing to what Redis will have to work off.
    const sent = vi.spyOn(one.link.client, 'sendCommand');
    expect(await one.limiter.acquire('up_a', 0, 1, TEN)).toBe(0);
    expect(sent).not.toHaveBeenCalled();
    sent.mockRestore();
    await sleep(3_000);
    expect(one.broker.problem).toBe('Redis is away');
    redis.resume();
    await expectAllBack(one, two);
    await expectNoProblem(one);
    // What was asked for before, and refused, is not lost for ever.
    await until(
      () => one.limiter.inUse('up_a'),
      (count) => count === 0,
      BACK_MS,
    );
  });

  it('is behind a line that swallows what the open connections carry', async () => {
    const redis = await startRedis();
    const proxy = await TcpProxy.start(redis.port);
    closing.push(() => proxy.close());
    const [one, two] = await startPair(`redis://127.0.0.1:${proxy.port}`);
    const taken = proxy.counters.accepted;
    proxy.halfOpen();
    await expectAllBack(one, two);
    expect(proxy.counters.accepted).toBeGreaterThan(taken);
    expect(one.broker.rebuilt).toBe(1);
  });

  it('is demoted, and its replica takes over: who only publishes finds it, too', async () => {
    const primary = await startRedis();
    const replica = await startRedis({ config: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const proxy = await TcpProxy.start(primary.port);
    closing.push(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}`;
    const [one, two] = await startPair(url);
    const link = await openLink(url, { prefix: one.link.prefix });
    const publisher = new RedisEventBus({ link, onError: () => {} });
    closing.push(async () => {
      await publisher.close();
      await link.close();
    });
    expect(await one.limiter.acquire('up_a', 0, 10, TEN)).toBe(10);
    const [formerly, now] = [primary.client(), replica.client()];
    await until(
      () => now.info('replication'),
      (info) => info.includes('master_link_status:up'),
    );
    proxy.retarget(replica.port);
    await now.replicaof('NO', 'ONE');
    await formerly.replicaof('127.0.0.1', replica.port);
    await expectAllBack(one, two);
    // Those who listen at the old one hear what it says at the new one, and not the other way round.
    const roles = () => Promise.all([link, one.link, two.link].map(({ client }) => client.info('replication')));
    await until(
      () => roles().catch(() => []),
      (infos) => infos.length > 0 && infos.every((info) => info.includes('role:master')),
      BACK_MS,
    );
    await expectEventsBack({ ...one, bus: publisher }, two);
    expect(await two.limiter.acquire('up_a', 0, 1, TEN)).toBe(0);
    expect(await two.limiter.inUse('up_a')).toBe(10);
  });

  it('loses all connections at once, again and again', async () => {
    const redis = await startRedis();
    const proxy = await TcpProxy.start(redis.port);
    closing.push(() => proxy.close());
    const [one, two] = await startPair(`redis://127.0.0.1:${proxy.port}`);
    const open = proxy.counters.open;
    for (let round = 0; round < 5; round += 1) {
      proxy.cut();
      await sleep(300);
    }
    await expectAllBack(one, two);
    expect(proxy.counters.open).toBeLessThanOrEqual(open);
  });

  it('is flushed under load, and no more permits are out than there are', async () => {
    const redis = await startRedis();
    const [one, two] = await startPair(redis.url);
    expect(await one.limiter.acquire('up_a', 0, 10, TEN)).toBe(10);
    const client = redis.client();
    for (let round = 0; round < 200; round += 1) {
      for (let level = 0; level < 10; level += 1) one.broker.call({ laneId: round * 10 + level, level });
      if (round % 50 === 25) await client.flushall();
      expect(await two.limiter.acquire('up_a', 0, 1, TEN)).toBe(0);
      await sleep(5);
    }
    await expectAllBack(one, two);
    expect(await two.limiter.inUse('up_a')).toBe(10);
  });
});

describe('a process', () => {
  it('uses little CPU while Redis is away', async () => {
    const redis = await startRedis();
    await startPair(redis.url);
    await redis.kill();
    await sleep(500);
    const before = process.cpuUsage();
    await sleep(AWAY_MS);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000 / AWAY_MS).toBeLessThan(0.2);
  });

  it('goes on when its listeners throw, and keeps nothing of what they threw', async () => {
    const redis = await startRedis();
    const [one, two] = await startPair(redis.url);
    for (const { bus, limiter } of [one, two]) {
      bus.on('queues.changed').subscribe(() => {
        throw new Error('listener failed');
      });
      limiter.freed.subscribe(() => {
        throw new Error('listener failed');
      });
    }
    let thrown = 0;
    two.bus.on('queues.changed').subscribe(() => {
      thrown += 1;
      throw new Error(`listener failed: ${'x'.repeat(500)}`);
    });
    const fail = async (times: number): Promise<void> => {
      const wanted = thrown + times;
      for (let sent = 0; sent < times; sent += 500) {
        for (let at = 0; at < 500; at += 1) one.bus.publish('queues.changed', {});
        await until(
          () => thrown,
          (count) => count >= wanted - times + sent + 500,
        );
      }
    };
    await fail(2_000);
    const before = heldMb();
    await fail(40_000);
    expect(heldMb() - before).toBeLessThan(20);
    await expectAllBack(one, two);
  });

  it('leaves nothing open behind, also when it stops while Redis is away', async () => {
    const redis = await startRedis();
    const resources = (): string[] => process.getActiveResourcesInfo().filter((name) => /^(TCP|Timeout)/.test(name));
    const baseline = resources().length;
    const first = await startProcess(redis.url);
    for (let laneId = 0; laneId < 1_000; laneId += 1) first.broker.call({ laneId, level: laneId % 10 });
    await until(
      () => new Set(first.calls).size,
      (count) => count === 1_000,
    );
    await first.close();
    const second = await startProcess(redis.url);
    await redis.kill();
    await sleep(100);
    const before = performance.now();
    await second.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    await until(
      () => resources(),
      (open) => open.length <= baseline,
      BACK_MS,
    );
    expect(resources().length).toBeLessThanOrEqual(baseline);
  });

  it('keeps nothing in Redis of 20,000 calls', async () => {
    const redis = await startRedis();
    const one = await startProcess(redis.url);
    const client = redis.client();
    const bytes = async (): Promise<number> =>
      Number(/used_memory_dataset:(\d+)/.exec(await client.info('memory'))![1]);
    const run = async (count: number): Promise<void> => {
      const target = one.calls.length + count;
      for (let sent = 0; sent < count; sent += 500) {
        for (let at = 0; at < 500; at += 1) one.broker.call({ laneId: sent + at, level: at % 10 });
        await sleep(20);
      }
      await until(
        () => one.calls.length,
        (calls) => calls >= target,
      );
    };
    await run(2_000);
    await sleep(200);
    const [keys, size] = [await client.dbsize(), await bytes()];
    await run(20_000);
    await sleep(200);
    expect(await client.dbsize()).toBeLessThanOrEqual(keys + 2);
    expect((await bytes()) - size).toBeLessThan(256 * 1_024);
    expect(one.broker.dropped).toBe(0);
  });
});

describe('the look at Redis', () => {
  it('finds a policy that evicts', async () => {
    const redis = await startRedis({ config: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'] });
    const client = new Redis(redis.url);
    const findings = await checkRedis(client);
    client.disconnect();
    expect(findings).toMatchObject([
      { check: 'redis-version', status: 'ok' },
      { check: 'redis-eviction', status: 'failed', message: expect.stringContaining('allkeys-lru') as string },
    ]);
  });
});
