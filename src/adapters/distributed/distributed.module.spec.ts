import { NestFactory } from '@nestjs/core';
import { Global, Module } from '@nestjs/common';
import { afterAll, describe, expect, it } from 'vitest';
import { RedisService } from '../../../test/support/services/redis.js';
import { until } from '../../../test/support/until.js';
import { Clock, SystemClock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import { AppLogger, createLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import { describeUrl, DistributedModule, type DistributedOptions } from './distributed.module.js';

const lines: string[] = [];
const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => lines.push(line) });
const blobStore = {} as BlobStore;

@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    { provide: AppLogger, useValue: logger },
    { provide: Metrics, useFactory: () => new Metrics({ version: '1', mode: 'distributed' }) },
  ],
  exports: [Clock, AppLogger, Metrics],
})
class Foundation {}

@Module({})
class Root {}

function start(options: Pick<DistributedOptions, 'redisUrl'> & Partial<DistributedOptions>) {
  const distributed = DistributedModule.forRoot({ role: 'all', instanceId: 'i1', blobStore, ...options });
  const root = { module: Root, imports: [Foundation, distributed] };
  return NestFactory.createApplicationContext(root, { logger: false, abortOnError: false });
}

describe('DistributedModule', () => {
  const running: RedisService[] = [];
  const redis = async (...args: Parameters<typeof RedisService.start>) => {
    const service = await RedisService.start(...args);
    running.push(service);
    return service;
  };
  afterAll(async () => void (await Promise.all(running.map((service) => service.stop()))));

  it('gives the ports, and stops', async () => {
    const { url } = await redis({ password: 'hunter2' });
    const app = await start({ redisUrl: url });
    const called = new Promise((resolve) => app.get(Broker).consume(async (call) => resolve(call)));
    app.get(Broker).call({ laneId: 5, level: 1 });
    expect(await called).toEqual({ laneId: 5, level: 1 });
    expect(app.get(Broker).problem).toBe(null);
    expect(app.get(EventBus)).toBeInstanceOf(EventBus);
    expect(app.get(Limiter)).toBeInstanceOf(Limiter);
    expect(app.get(BlobStore)).toBe(blobStore);
    await app.close();
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('refuses a user of Redis who may not do all that it does', async () => {
    const service = await redis();
    await service
      .client()
      .acl('SETUSER', 'narrow', 'on', '>narrow', '~{millrace*', '&{millrace*', '+@all', '-subscribe');
    const redisUrl = service.url.replace('//', '//narrow:narrow@');
    await expect(start({ redisUrl })).rejects.toThrow(
      'the user of MILLRACE_REDIS_URL may not SUBSCRIBE. Let this user',
    );
  });

  it('refuses a database that Redis does not have, instead of using another one', async () => {
    const service = await redis();
    const refused = start({ redisUrl: `${service.url}/16`, deployment: { name: 'lost', id: 'a' } });
    await expect(refused).rejects.toThrow(/there is no database 16 in it \(.*\)\. End MILLRACE_REDIS_URL in a smaller/);
    expect(await service.client().dbsize()).toBe(0);
    await (await start({ redisUrl: `${service.url}/15` })).close();
  });

  it('tells in figures what Redis does not carry', async () => {
    const service = await redis();
    const app = await start({ redisUrl: service.url, instanceId: 'i2' });
    app.get(Broker).consume(async () => {});
    const client = service.client();
    await client.publish('{millrace}:events', 'no event');
    await client.lpush('{millrace}:level-1:wait', '7');
    await client.hset('{millrace}:level-1:7', {
      name: '__default__',
      data: '{"laneId":"x"}',
      opts: '{}',
      timestamp: '1',
    });
    const figures = () => app.get(Metrics).render();
    await until(figures, (text) => text.includes('millrace_events_lost_total{reason="malformed"} 1'));
    await until(figures, (text) => text.includes('millrace_calls_lost_total{reason="malformed"} 1'));
    await service.kill();
    await until(
      () => app.get(Broker).problem,
      (problem) => problem === 'Redis is away',
    );
    app.get(Broker).call({ laneId: 5, level: 1 });
    app.get(EventBus).publish('callback.deliver', {});
    await until(figures, (text) => text.includes('millrace_events_lost_total{reason="dropped"} 1'));
    await until(figures, (text) => text.includes('millrace_calls_lost_total{reason="dropped"} 1'));
    expect(await figures()).toContain('millrace_call_queues_rebuilt_total 0');
    await app.close();
  });

  it('refuses a Redis that evicts, unless told not to mind', async () => {
    const { url, port } = await redis({ password: 'hunter2', config: ['--maxmemory-policy', 'allkeys-lru'] });
    const refusal = `Redis at 127.0.0.1:${port} cannot be used: Redis evicts keys`;
    await expect(start({ redisUrl: url })).rejects.toThrow(refusal);
    await (await start({ redisUrl: url, ignoreFindings: true })).close();
  });

  it('refuses one whose keys another deployment has, until that is gone', async () => {
    const { url, port } = await redis();
    const as = (id: string, name = 'same') => start({ redisUrl: url, deployment: { name, id } });
    const [one, again, other] = [await as('a'), await as('a'), await as('b', 'other')];
    await expect(as('b')).rejects.toThrow(
      `Redis at 127.0.0.1:${port} cannot be used: another deployment, whose database has the same name`,
    );
    await Promise.all([one, again, other].map((app) => app.close()));
    await (await as('b')).close();
  });

  it('tells of another deployment that has the keys all at once', async () => {
    const service = await redis();
    const app = await start({ redisUrl: service.url, deployment: { name: 'same', id: 'a' } });
    await service.client().set('{millrace:same}:deployment', 'b');
    const told = await until(
      () => lines.find((line) => line.includes('Redis must not be used like that: another deployment')),
      (line) => line !== undefined,
    );
    expect(JSON.parse(told!)).toMatchObject({ level: 'error' });
    await app.close();
  });

  it('refuses a Redis that is not there, without saying its password', async () => {
    const refused = await start({ redisUrl: 'redis://:hunter2@127.0.0.1:1' }).catch((error: unknown) => String(error));
    expect(refused).toContain('Redis at 127.0.0.1:1 cannot be used: it does not answer');
    expect(refused).not.toContain('hunter2');
  });
});

describe('describeUrl', () => {
  it('leaves out who may use it', () => {
    expect(describeUrl('redis://user:secret@host/3')).toBe('host:6379/3');
  });
});
