/** Makes API keys straight in the store of a server that does not run. */
import { KeysService, type CreatedKey, type KeySpec } from '../../src/modules/access/keys.service.js';
import { LocalEventBus } from '../../src/adapters/embedded/local-event-bus.js';
import { SystemClock } from '../../src/kernel/clock.js';
import { AccessStore } from '../../src/store/access.store.js';
import { SqliteDatabase } from '../../src/store/sqlite/sqlite-database.js';

const WRITER = new URL('../../dist/store/sqlite/writer.worker.js', import.meta.url);

/** Runs `work` with a KeysService on this data folder. */
export async function withKeys<R>(dataDir: string, work: (keys: KeysService) => Promise<R>): Promise<R> {
  const onDeath = (error: Error): never => {
    throw error;
  };
  const database = await SqliteDatabase.open({
    dataDir,
    clock: new SystemClock(),
    crashAt: null,
    onDeath,
    writerEntry: WRITER,
  });
  try {
    return await work(new KeysService(new AccessStore(database), new LocalEventBus({ onError: onDeath })));
  } finally {
    await database.close();
  }
}

export function makeKeys(dataDir: string, specs: readonly KeySpec[]): Promise<CreatedKey[]> {
  return withKeys(dataDir, (keys) => Promise.all(specs.map((spec) => keys.create(spec))));
}
