import { afterEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../../../../test/support/temporary-folder.js';
import { RedisServer } from './redis-server.js';

describe('A private Redis', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function start(config: string[] = []): Promise<RedisServer> {
    const { path, remove } = await makeTemporaryFolder();
    const server = await RedisServer.start({ folder: path, config, onDeath: () => {} }, new AbortController().signal);
    cleanups.push(remove, () => server.kill());
    return server;
  }

  it('does not take the answer of another one on its port for its own', async () => {
    const first = await start();
    await first.kill();
    await start(['--port', String(first.port)]);
    await expect(first.restart()).rejects.toThrow(/The Redis ended by itself[^]*address already in use/i);
  });
});
