/** The contracts of the ports that Redis carries, held by the adapters of the distributed mode on a real Redis. */
import { afterAll, describe } from 'vitest';
import { BullBroker } from '../../src/adapters/distributed/bull-broker.js';
import { RedisEventBus } from '../../src/adapters/distributed/redis-event-bus.js';
import { RedisReportStreams } from '../../src/adapters/distributed/redis-report-streams.js';
import { reportPattern, ReportKeys } from '../../src/adapters/distributed/report-keys.js';
import { RedisLimiter } from '../../src/adapters/distributed/redis-limiter.js';
import { SystemClock } from '../../src/kernel/clock.js';
import { FakeTime } from '../support/fake-time.js';
import { Inbox } from '../support/inbox.js';
import { openLink, sharedRedis, stopSharedRedis } from '../support/services/redis-links.js';
import { exerciseBroker, type BrokerSubject } from './broker.contract.js';
import { exerciseEventBus, type EventBusSubject } from './event-bus.contract.js';
import { exerciseReportStreams, type ReportStreamsSubject } from './report-streams.contract.js';
import { exerciseLimiter, type LimiterSubject } from './limiter.contract.js';

afterAll(stopSharedRedis);

describe('BullBroker', () => exerciseBroker(makeBroker));
describe('RedisEventBus', () => exerciseEventBus(makeEventBus));
describe('RedisReportStreams', () => exerciseReportStreams(makeReportStreams));
describe('RedisLimiter', () => exerciseLimiter(makeLimiter));

async function makeBroker(): Promise<BrokerSubject> {
  const redis = await sharedRedis();
  const link = await openLink(redis.url);
  const broker = new BullBroker({
    url: redis.url,
    link,
    clock: new SystemClock(),
    consumes: true,
    onError: () => {},
    onTrouble: () => {},
  });
  await broker.open();
  return {
    broker,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    dispose: async () => {
      await broker.stop();
      await link.close();
    },
  };
}

async function makeEventBus(): Promise<EventBusSubject> {
  const redis = await sharedRedis();
  const first = await openLink(redis.url);
  const second = await openLink(redis.url, { prefix: first.prefix });
  const reported = new Inbox<unknown>();
  const [bus, peer] = [first, second].map((link) => new RedisEventBus({ link, onError: reported.add })) as [
    RedisEventBus,
    RedisEventBus,
  ];
  await Promise.all([first.heard(), second.heard()]);
  return {
    bus,
    peer,
    reported,
    dispose: async () => {
      await Promise.all([bus.close(), peer.close()]);
      await Promise.all([first.close(), second.close()]);
    },
  };
}

async function makeReportStreams(): Promise<ReportStreamsSubject> {
  const redis = await sharedRedis();
  const first = await openLink(redis.url);
  const second = await openLink(redis.url, { prefix: first.prefix });
  const keys = new ReportKeys(first.prefix, 'a-secret-of-this-test');
  const [streams, peer] = [first, second].map(
    (link) =>
      new RedisReportStreams({
        link,
        redisUrl: redis.url,
        keys,
        toldUrl: 'redis://told:it@host:6379/0',
        maxBytes: 1_000,
        onError: () => {},
      }),
  ) as [RedisReportStreams, RedisReportStreams];
  const client = redis.client();
  return {
    streams,
    peer,
    write: async (stream, fields) => void (await client.xadd(stream, '*', ...Object.entries(fields).flat())),
    names: () => client.keys(reportPattern(first.prefix)),
    dispose: async () => {
      await Promise.all([streams.close(), peer.close()]);
      await Promise.all([first.close(), second.close()]);
    },
  };
}

/** Time passes in such steps: Redis has no chance to answer in one, and two seconds of silence would mean that it is away. */
const STEP_MS = 500;

/** Goes by a clock of the test's own, because a minute is long. */
async function makeLimiter(): Promise<LimiterSubject> {
  const redis = await sharedRedis();
  const link = await openLink(redis.url);
  const time = FakeTime.start();
  const { clock } = time;
  const limiter = new RedisLimiter({ link, clock, serverClock: clock, recountMs: 0, onError: () => {} });
  await link.heard();
  return {
    limiter,
    clock,
    advance: async (ms) => {
      await link.client.ping(); // answers that are on their way must not seem to take as long
      for (let left = ms; left > 0; left -= STEP_MS) {
        await time.advance(Math.min(left, STEP_MS));
        await link.client.ping(); // what the passing of time has set off is through by then
      }
      await link.heard();
    },
    dispose: async () => {
      await limiter.close();
      time.stop();
      await link.close();
    },
  };
}
