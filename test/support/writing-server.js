/**
 * A process of its own that opens a data folder and writes files into it until it is killed: `node writing-server.js
 * <dataDir> [crashAt]`. Prints `open`, then the id of each file whose write was answered. Needs the compiled store.
 */
import { createFile } from '../../dist/store/procedures/file.procedures.js';
import { SqliteDatabase } from '../../dist/store/sqlite/sqlite-database.js';

/** Each waits for its answer before it writes again. */
const CALLERS = ['a', 'b', 'c', 'd'];

const [dataDir, crashAt = null] = process.argv.slice(2);
const database = await SqliteDatabase.open({
  dataDir,
  crashAt,
  clock: { now: () => Date.now() },
  onDeath: () => process.exit(1),
});
say('open');
await Promise.all(CALLERS.map(writeOn));

async function writeOn(caller) {
  for (let n = 0; ; n += 1) {
    const [id, blobKey] = [`file-${caller}-${n}`, `blob_${caller}-${n}`];
    const columns = { tenantSeq: 1, purpose: 'batch', filename: 'x', bytes: 1, sha256: '', ttlMs: null };
    await database.write(createFile, { id, blobKey, ...columns });
    say(id);
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
