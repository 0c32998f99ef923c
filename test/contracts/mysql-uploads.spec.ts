/** What becomes of the bytes of an upload when the database cannot be reached, or falls silent, as their row is stored. */
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FsBlobStore } from '../../src/adapters/embedded/fs-blob-store.js';
import { loadConfig } from '../../src/config/load-config.js';
import { FilesService } from '../../src/modules/files/files.service.js';
import { AccessStore } from '../../src/store/access.store.js';
import { FileStore } from '../../src/store/file.store.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { TenantStore } from '../../src/store/tenant.store.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { makeDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';
import { TcpProxy } from '../support/services/tcp-proxy.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { LINE } from '../support/uploads.js';

const CONTENT = LINE.repeat(100);
/** Far shorter than in a server, where both are longer than a restart of the database takes. */
const IMPATIENT = { readMs: 500, settleMs: 1_000 };

let server: MariadbServer;
let wire: TcpProxy;
let folder: TemporaryFolder;
let database: MysqlDatabase;
let blobs: FsBlobStore;
let files: FilesService;
let tenantSeq: number;

beforeAll(async () => {
  server = await startMariadb();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const url = new URL(await makeDatabase(server));
  await (await MysqlDatabase.open({ url: url.href, mayMigrate: true })).close();
  wire = await TcpProxy.start(server.port);
  url.port = String(wire.port);
  database = await MysqlDatabase.open({ url: url.href, mayMigrate: false, ...IMPATIENT });
  folder = await makeTemporaryFolder();
  blobs = new FsBlobStore(folder.path);
  await blobs.open();
  const { clock } = database;
  files = new FilesService(
    loadConfig({ env: { MILLRACE_DATA_DIR: folder.path }, cwd: folder.path, isTerminal: false }),
    new FileStore(database, clock),
    blobs,
    new Metrics({ version: 'test', mode: 'distributed' }),
    new TenantStore(database, clock),
    createLogger({ level: 'silent', format: 'json' }),
  );
  tenantSeq = (await new AccessStore(database).ensureTenant('ten_a', 'a')).seq;
});
afterEach(async () => {
  wire.resume();
  wire.cut();
  await database.close();
  await wire.close();
  await blobs.close();
  await folder.remove();
});

/** Uploads while `strike` has been done to the wire; resolves with the error that the client gets, and the key of its bytes. */
async function uploadStruck(strike: () => void): Promise<{ error: unknown; key: string }> {
  const spooled = await files.spool(tenantSeq);
  await spooled.write(Buffer.from(CONTENT));
  strike();
  const error: unknown = await files
    .create(spooled, { tenantSeq, purpose: 'batch', filename: 'in.jsonl', ttlMs: null })
    .catch((thrown: unknown) => thrown);
  // As the form does when there is no file in the end.
  await spooled.abort();
  wire.resume();
  return { error, key: spooled.blobKey };
}

const storedFiles = async () =>
  (await files.list({ tenantSeq, after: null, order: 'asc', purpose: null, limit: 10 })).files;

describe('an upload', () => {
  const UNKNOWN = {
    code: 'outcome_unknown',
    status: 503,
    message: expect.stringContaining('nobody can tell') as string,
  };

  it('keeps its bytes when the answer to its commit is lost for good: the file is there, and whole', async () => {
    const { error } = await uploadStruck(() => wire.silenceAfter('COMMIT', { isHeard: true }));
    expect(error).toMatchObject(UNKNOWN);
    const [file, ...others] = await storedFiles();
    expect([file!.filename, others]).toEqual(['in.jsonl', []]);
    expect(await text(await files.read(file!, { start: 0, end: CONTENT.length }))).toBe(CONTENT);
  });

  it('keeps its bytes, for the clean-up, when its commit is lost on its way: nobody can know that it was', async () => {
    const { error, key } = await uploadStruck(() => wire.silenceAfter('COMMIT', { isHeard: false }));
    expect(error).toMatchObject(UNKNOWN);
    expect([await storedFiles(), await blobs.stat(key)]).toEqual([[], { bytes: CONTENT.length }]);
  });

  it('leaves nothing when the database cannot be reached before it: that it is not stored is certain', async () => {
    const { error, key } = await uploadStruck(() => wire.refuse());
    expect(error).toMatchObject({ code: 'store_unavailable', status: 503 });
    expect([await storedFiles(), await blobs.stat(key)]).toEqual([[], null]);
  });

  it('does not wait again for an answer that did not come when one before had waited for it long enough', async () => {
    const { error } = await uploadStruck(() => wire.silenceAfter('COMMIT', { isHeard: true }));
    expect(error).toMatchObject(UNKNOWN);
    wire.refuse();
    const before = wire.counters.refused;
    for (const name of ['b', 'c', 'd', 'e']) {
      const put = new AccessStore(database).ensureTenant(`ten_${name}`, name);
      await expect(put).rejects.toMatchObject({ code: 'store_unavailable' });
    }
    // Three tries each; asking for as long again would take five connections more in each of them.
    expect(wire.counters.refused - before).toBeLessThan(20);
  });
});
