/** What the contracts of one process cannot show: several processes on one Redis, by its own clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BullBroker } from '../../src/adapters/distributed/bull-broker.js';
import { RedisEventBus } from '../../src/adapters/distributed/redis-event-bus.js';
import { RedisLimiter } from '../../src/adapters/distributed/redis-limiter.js';
import type { RedisLink } from '../../src/adapters/distributed/redis-link.js';
import { SystemClock } from '../../src/kernel/clock.js';
import type { Call } from '../../src/ports/broker.js';
import { Inbox } from '../support/inbox.js';
import { openLink, sharedRedis, stopSharedRedis } from '../support/services/redis-links.js';
import { until } from '../support/until.js';

const KEY = 'up_a';
const TEN = { concurrency: 10, perMinute: null };
const ALIVE_MS = 1_500;
const clock = new SystemClock();
const closing: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(stopSharedRedis);

/** Links of `count` processes of one deployment. */
async function processes(count: number): Promise<RedisLink[]> {
  const { url } = await sharedRedis();
  const first = await openLink(url);
  const others = await Promise.all(Array.from({ length: count - 1 }, () => openLink(url, { prefix: first.prefix })));
  const links = [first, ...others];
  closing.push(async () => void (await Promise.all(links.map((link) => link.close()))));
  return links;
}

async function brokerOf(
  link: RedisLink,
  consumes: boolean,
  onResumed: (levels: readonly number[]) => void = () => {},
): Promise<BullBroker> {
  const { url } = await sharedRedis();
  const broker = new BullBroker({ url, link, clock, consumes, onError: () => {}, onTrouble: () => {}, onResumed });
  await broker.open();
  closing.push(() => broker.stop());
  return broker;
}

function limiterOf(link: RedisLink, recountMs = 0): RedisLimiter {
  const limiter = new RedisLimiter({ link, clock, recountMs, aliveMs: ALIVE_MS, onError: () => {} });
  closing.push(() => limiter.close());
  return limiter;
}

describe('calls', () => {
  it('go from a process that only serves the API to one that runs engines, each to one', async () => {
    const [api, one, two] = (await processes(3)) as [RedisLink, RedisLink, RedisLink];
    const sender = await brokerOf(api, false);
    const inbox = new Inbox<Call>();
    for (const link of [one, two]) (await brokerOf(link, true)).consume(async (call) => inbox.add(call));
    const stray = new Inbox<Call>();
    sender.consume(async (call) => stray.add(call));
    const lanes = Array.from({ length: 200 }, (_, laneId) => laneId);
    for (const laneId of lanes) sender.call({ laneId, level: laneId % 10 });
    await inbox.first(lanes.length);
    await sleep(200);
    expect(inbox.items.map(({ laneId }) => laneId).sort((a, b) => a - b)).toEqual(lanes);
    expect(stray.items).toEqual([]);
  });

  it('wait for an engine that comes later', async () => {
    const [api, engine] = (await processes(2)) as [RedisLink, RedisLink];
    const sender = await brokerOf(api, false);
    sender.call({ laneId: 7, level: 2 });
    await until(
      async () => (await api.client.keys(`${api.prefix}:level-2:wait`)).length,
      (count) => count === 1,
    );
    const inbox = new Inbox<Call>();
    (await brokerOf(engine, true)).consume(async (call) => inbox.add(call));
    expect(await inbox.first(1)).toEqual([{ laneId: 7, level: 2 }]);
  });

  it('go on when a dashboard of Bull has paused their queue, and that is told once', async () => {
    const [api, engine] = (await processes(2)) as [RedisLink, RedisLink];
    const resumed: Array<readonly number[]> = [];
    const sender = await brokerOf(api, false, (levels) => resumed.push(levels));
    const inbox = new Inbox<Call>();
    const receiver = await brokerOf(engine, true, (levels) => resumed.push(levels));
    receiver.consume(async (call) => inbox.add(call));
    const key = (name: string): string => `${api.prefix}:level-1:${name}`;
    await api.client.set(key('meta-paused'), '1');
    sender.call({ laneId: 6, level: 1 });
    receiver.call({ laneId: 7, level: 1 });
    await inbox.first(2);
    expect(await api.client.exists(key('meta-paused'), key('paused'))).toBe(0);
    await until(
      () => resumed.length,
      (count) => count > 0,
    );

    // What a pause that is over left behind comes too, and is nothing to tell of.
    await api.client.hset(key('1000000'), { name: '__default__', data: '{"laneId":9}', opts: '{}', timestamp: '1' });
    await api.client.lpush(key('paused'), '1000000');
    sender.call({ laneId: 8, level: 1 });
    await inbox.first(4);
    expect(inbox.items.map(({ laneId }) => laneId).sort((a, b) => a - b)).toEqual([6, 7, 8, 9]);
    expect(await api.client.exists(key('paused'))).toBe(0);
    expect(resumed).toEqual([[1]]);
  });

  it('pile up to a bound where nobody takes them', async () => {
    const [api] = (await processes(1)) as [RedisLink];
    const sender = await brokerOf(api, false);
    const waiting = () => api.client.llen(`${api.prefix}:level-3:wait`);
    for (let laneId = 0; laneId < 12_000; laneId += 1) {
      sender.call({ laneId, level: 3 });
      if (laneId % 500 === 0) await sleep(60);
    }
    expect(sender.dropped).toBeGreaterThan(0);
    const full = await waiting();
    for (let laneId = 0; laneId < 500; laneId += 1) sender.call({ laneId, level: 3 });
    sender.call({ laneId: 99_999, level: 4 }); // another level has room
    await until(
      () => api.client.llen(`${api.prefix}:level-4:wait`),
      (count) => count === 1,
    );
    expect(await waiting()).toBe(full);
  });
});

describe('events', () => {
  it('reach the publisher once, and others in order', async () => {
    const [one, two] = (await processes(2)) as [RedisLink, RedisLink];
    const buses = [one, two].map((link) => new RedisEventBus({ link, onError: () => {} }));
    closing.push(async () => void (await Promise.all(buses.map((bus) => bus.close()))));
    await Promise.all([one.heard(), two.heard()]);
    const [own, other] = buses.map((bus) => {
      const inbox = new Inbox<number>();
      bus.on('batch.ingest').subscribe(({ batchSeq }) => inbox.add(batchSeq));
      return inbox;
    }) as [Inbox<number>, Inbox<number>];
    const sent = Array.from({ length: 3_000 }, (_, at) => at);
    for (const batchSeq of sent) buses[0]!.publish('batch.ingest', { batchSeq });
    expect(await other.first(sent.length)).toEqual(sent);
    await sleep(100);
    expect(own.items).toEqual(sent);
    expect(other.items).toHaveLength(sent.length);
  });

  it('that are too large arrive as a hint', async () => {
    const [one, two] = (await processes(2)) as [RedisLink, RedisLink];
    const [bus, peer] = [one, two].map((link) => new RedisEventBus({ link, onError: () => {} })) as [
      RedisEventBus,
      RedisEventBus,
    ];
    closing.push(async () => void (await Promise.all([bus.close(), peer.close()])));
    await Promise.all([one.heard(), two.heard()]);
    const inbox = new Inbox<unknown>();
    peer.on('task.progress').subscribe(inbox.add);
    const small = { taskId: 't', lastN: 1, events: [{ id: null, name: null, data: '1' }] };
    const large = { taskId: 't', lastN: 2, events: [{ id: null, name: null, data: 'x'.repeat(100_000) }] };
    bus.publish('task.progress', small);
    bus.publish('task.progress', large);
    expect(await inbox.first(2)).toEqual([small, { ...large, events: [] }]);
  });

  it('of strangers are counted and dropped', async () => {
    const [one] = (await processes(1)) as [RedisLink];
    const bus = new RedisEventBus({ link: one, onError: () => {} });
    closing.push(() => bus.close());
    await one.heard();
    const inbox = new Inbox<unknown>();
    bus.on('batch.ingest').subscribe(inbox.add);
    const strange = [
      'no space',
      'x {"a":1}',
      'x [1]',
      'x [["batch.ingest"]]',
      'x [["batch.ingest",{}]]',
      'x [["batch.ingest",null]]',
      'x [["constructor",{}]]',
      'x [["task.progress",{"taskId":"t","lastN":1,"events":[null]}]]',
      'x [["task.ended",{"taskId":"t","seq":"1"}]]',
      'x [["task.ended",{"taskId":"t","seq":1,"lastN":-1}]]',
      `x ["${'y'.repeat(2_000_000)}"]`,
      '',
    ];
    for (const message of strange) await one.client.publish(one.channel('events'), message);
    await one.client.publish(one.channel('events'), 'x [["batch.ingest",{"batchSeq":1}]]');
    expect(await inbox.first(1)).toEqual([{ batchSeq: 1 }]);
    expect(bus.malformed).toBe(strange.length);
  });
});

describe('permits', () => {
  it('are one number for all', async () => {
    const limiters = (await processes(4)).map((link) => limiterOf(link));
    const asks = Array.from({ length: 100 }, (_, at) => limiters[at % 4]!.acquire(KEY, 0, 1, TEN));
    const granted = await Promise.all(asks);
    expect(granted.reduce((sum, count) => sum + count, 0)).toBe(10);
    for (const limiter of limiters) expect(await limiter.inUse(KEY)).toBe(10);
  });

  it('of a process that came back are told of where somebody was refused', async () => {
    const [one, two] = (await processes(2)).map((link) => limiterOf(link)) as [RedisLimiter, RedisLimiter];
    const inbox = new Inbox<string>();
    two.freed.subscribe(inbox.add);
    await one.acquire(KEY, 0, 10, TEN);
    expect(await two.acquire(KEY, 0, 1, TEN)).toBe(0);
    one.release(KEY, 1);
    expect(await inbox.first(1)).toEqual([KEY]);
    expect(await two.acquire(KEY, 0, 1, TEN)).toBe(1);
  });

  it('of a process that died come back, those of one that lives do not', async () => {
    const [one, two, three] = (await processes(3)) as [RedisLink, RedisLink, RedisLink];
    const [dying, living, asking] = [one, two, three].map((link) => limiterOf(link));
    await dying!.acquire(KEY, 0, 6, TEN);
    await living!.acquire(KEY, 0, 4, TEN);
    expect(await asking!.acquire(KEY, 0, 1, TEN)).toBe(0);
    const freed = new Inbox<string>();
    asking!.freed.subscribe(freed.add);
    await one.close(); // it says nothing any more
    await freed.first(1);
    expect(await asking!.acquire(KEY, 0, 10, TEN)).toBe(6);
    await sleep(2 * ALIVE_MS);
    expect(await asking!.inUse(KEY)).toBe(10);
  });

  it('of a process that is cut off, and that others answer for, stay its own, also when Redis is wiped meanwhile', async () => {
    const [one, two] = (await processes(2)) as [RedisLink, RedisLink];
    const [cut, asking] = [limiterOf(one), limiterOf(two)] as [RedisLimiter, RedisLimiter];
    await Promise.all([cut.callRoll(1, [2]), asking.callRoll(2, [1])]);
    expect(await cut.acquire(KEY, 0, 6, TEN)).toBe(6);
    expect(await asking.callRoll(2, [1])).toEqual([]);
    await one.close();
    await until(
      () => asking.callRoll(2, [1]),
      (silent) => silent.length > 0,
    );
    for (const isWiped of [false, true]) {
      const deadline = performance.now() + 2 * ALIVE_MS;
      if (isWiped) await two.client.del(...(await two.client.keys(`${two.prefix}:permits*`)));
      while (performance.now() < deadline) {
        // As much as it has leased, of which one has ended.
        expect(await asking.callRoll(2, [1])).toEqual([1]);
        asking.answerFor(1, KEY, 5);
        expect(await asking.acquire(KEY, 0, 10, TEN)).toBeLessThanOrEqual(5);
        expect(await asking.inUse(KEY)).toBeLessThanOrEqual(10);
        asking.release(KEY, 10);
        await sleep(50);
      }
    }
    // Nobody answers for it any more.
    await until(
      () => asking.inUse(KEY),
      (count) => count === 0,
    );
    expect(await asking.acquire(KEY, 0, 10, TEN)).toBe(10);
  });

  it('of a process that speaks for itself are what it says', async () => {
    const [one, two] = (await processes(2)).map((link) => limiterOf(link)) as [RedisLimiter, RedisLimiter];
    await Promise.all([one.callRoll(1, [2]), two.callRoll(2, [1])]);
    expect(await one.acquire(KEY, 0, 6, TEN)).toBe(6);
    two.answerFor(1, KEY, 9);
    expect(await two.inUse(KEY)).toBe(6);
  });

  it('are counted anew when nobody was heard for so long that what was said has lapsed', async () => {
    const [one, two] = (await processes(2)) as [RedisLink, RedisLink];
    const [holder, asking] = [limiterOf(one, 1_200), limiterOf(two, 1_200)];
    await Promise.all([holder.callRoll(1, [2]), asking.callRoll(2, [1])]);
    await until(
      () => holder.acquire(KEY, 0, 10, TEN),
      (granted) => granted === 10,
    );
    // As a Redis that was away finds it when it comes back with all it knew.
    const before = clock.now() - 3 * ALIVE_MS;
    const base = `${one.prefix}:permits`;
    const age = `redis.call('SET', KEYS[1], '${before} ${before}') redis.call('HSET', KEYS[2], '1', '10 ${before}')`;
    await two.client.eval(age, 2, `${base}-since`, `${base}:${KEY}:held`);
    expect(await asking.acquire(KEY, 0, 1, TEN)).toBe(0);
    await until(
      () => asking.inUse(KEY),
      (count) => count === 10,
    );
    await sleep(2 * ALIVE_MS);
    expect(await asking.acquire(KEY, 0, 1, TEN)).toBe(0);
  });

  it('of a process that stops come back at once', async () => {
    const [one, two] = (await processes(2)).map((link) => limiterOf(link)) as [RedisLimiter, RedisLimiter];
    await one.acquire(KEY, 0, 10, TEN);
    await one.close();
    expect(await two.acquire(KEY, 0, 10, TEN)).toBe(10);
  });

  it('go to the lowest level first, whoever asks', async () => {
    const [one, two] = (await processes(2)).map((link) => limiterOf(link)) as [RedisLimiter, RedisLimiter];
    await one.acquire(KEY, 0, 10, TEN);
    expect(await one.acquire(KEY, 0, 1, TEN)).toBe(0);
    one.release(KEY, 4);
    expect(await one.inUse(KEY)).toBe(6);
    expect(await two.acquire(KEY, 1, 1, TEN)).toBe(0);
    expect(await one.acquire(KEY, 0, 1, TEN)).toBe(1);
    expect(await two.acquire(KEY, 1, 1, TEN)).toBe(1);
  });

  it('are paused for all, and rated for all', async () => {
    const [one, two] = (await processes(2)).map((link) => limiterOf(link)) as [RedisLimiter, RedisLimiter];
    const endsAt = clock.now() + 500;
    one.pause(KEY, endsAt);
    expect(await one.pausedUntil(KEY)).not.toBeNull();
    expect(Math.abs((await two.pausedUntil(KEY))! - endsAt)).toBeLessThan(100);
    const freed = new Inbox<string>();
    two.freed.subscribe(freed.add);
    expect(await two.acquire(KEY, 0, 1, TEN)).toBe(0);
    await freed.first(1);
    expect(await two.acquire(KEY, 0, 1, TEN)).toBe(1);
    const rated = { concurrency: 100, perMinute: 8 };
    expect(await one.acquire('up_b', 0, 5, rated)).toBe(5);
    expect(await two.acquire('up_b', 0, 5, rated)).toBe(3);
    two.release('up_b', 3, 2);
    expect(await two.inUse('up_b')).toBe(5);
    expect(await one.acquire('up_b', 0, 5, rated)).toBe(2);
  });

  it('are not given by a wiped Redis until all have said what they hold', async () => {
    const [one, two] = (await processes(2)) as [RedisLink, RedisLink];
    const [holder, asking] = [limiterOf(one, 1_200), limiterOf(two, 1_200)];
    await until(
      () => holder.acquire(KEY, 0, 10, TEN),
      (granted) => granted === 10,
    );
    const keys = await one.client.keys(`${one.prefix}:permits*`);
    await one.client.del(...keys);
    const deadline = performance.now() + 2_500;
    while (performance.now() < deadline) {
      expect(await asking.acquire(KEY, 0, 1, TEN)).toBe(0);
      await sleep(50);
    }
    expect(await asking.inUse(KEY)).toBe(10);
  });
});
