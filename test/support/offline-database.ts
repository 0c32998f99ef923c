import { SystemClock } from '../../src/kernel/clock.js';
import type { Database } from '../../src/store/database.js';
import { SqliteDatabase } from '../../src/store/sqlite/sqlite-database.js';

const WRITER = new URL('../../dist/store/sqlite/writer.worker.js', import.meta.url);

/** Runs `work` on the store of a server that does not run. */
export async function withDatabase<R>(dataDir: string, work: (database: Database) => Promise<R>): Promise<R> {
  const onDeath = (error: unknown): never => {
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
    return await work(database);
  } finally {
    await database.close();
  }
}
