import { afterEach, describe, expect, it } from 'vitest';
import { RedisService } from '../../../../test/support/services/redis.js';

describe('A private Redis', () => {
  const started: RedisService[] = [];
  afterEach(() => Promise.all(started.splice(0).map((redis) => redis.stop())));

  async function start(config: string[] = []): Promise<RedisService> {
    const redis = await RedisService.start({ config });
    started.push(redis);
    return redis;
  }

  it('does not take the answer of another one on its port for its own', async () => {
    const first = await start();
    await first.kill();
    await start(['--port', String(first.port)]);
    await expect(first.restart()).rejects.toThrow(/The Redis ended by itself[^]*address already in use/i);
  });
});
