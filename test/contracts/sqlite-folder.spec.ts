/** What SQLite promises of its folder: one server at a time, nothing answered is lost, nothing is stored twice. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommitMarkRow } from '../../src/store/entities/commit-mark.entity.js';
import { FileRow } from '../../src/store/entities/file.entity.js';
import { createFile } from '../../src/store/procedures/file.procedures.js';
import { FolderLock } from '../../src/store/sqlite/folder-lock.js';
import { SqliteDatabase } from '../../src/store/sqlite/sqlite-database.js';
import { openSqlite, sqliteFileIn } from '../../src/store/sqlite/sqlite-data-source.js';
import { FakeClock } from '../support/fake-clock.js';
import { Inbox } from '../support/inbox.js';
import { BUILT_WRITER } from '../support/store-factory.js';
import { newFile, range } from '../support/store-seeds.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

const WRITING_SERVER = fileURLToPath(new URL('../support/writing-server.js', import.meta.url));
const TENANT_SEQ = 1;

describe('the folder of a SQLite store', () => {
  let folder: TemporaryFolder;
  const opened: SqliteDatabase[] = [];
  const children: ChildProcess[] = [];
  let deaths: Inbox<Error>;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    deaths = new Inbox();
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const database of opened.splice(0)) await database.close();
    await folder.remove();
  });

  async function open(): Promise<SqliteDatabase> {
    const database = await SqliteDatabase.open({
      dataDir: folder.path,
      clock: new FakeClock(),
      crashAt: null,
      onDeath: deaths.add,
      writerEntry: BUILT_WRITER,
    });
    opened.push(database);
    return database;
  }

  async function close(database: SqliteDatabase): Promise<void> {
    opened.splice(opened.indexOf(database), 1);
    await database.close();
  }

  /** Another process on the folder. `hears` gives the first lines it says, and fails when it ends before. */
  function startWritingServer(...crashAt: string[]) {
    const stdio: StdioOptions = ['ignore', 'pipe', 'inherit'];
    const child = spawn(process.execPath, [WRITING_SERVER, folder.path, ...crashAt], { stdio });
    children.push(child);
    const said = new Inbox<string>();
    createInterface(child.stdout!).on('line', said.add);
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const hears = (count: number) =>
      Promise.race([
        said.first(count),
        ended.then(([code]) => Promise.reject(new Error(`it ended with code ${code}`))),
      ]);
    return { child, hears, ended, answered: () => said.items.slice(1) };
  }

  const write = (database: SqliteDatabase, id: string) =>
    database.write(createFile, newFile(TENANT_SEQ, { id, blobKey: `blob_${id}` }));

  const markOf = async (database: SqliteDatabase) => (await database.reader.findOneByOrFail(CommitMarkRow, {})).mark;

  describe('lock', () => {
    it('lets one in at a time', () => {
      const lock = FolderLock.acquire(folder.path);
      expect(() => FolderLock.acquire(folder.path)).toThrow(
        `another Millrace server is running on the folder ${folder.path}`,
      );
      lock.release();
      FolderLock.acquire(folder.path).release();
    });

    it('is taken by an open store, and given back by a closed one', async () => {
      const first = await open();
      await expect(open()).rejects.toThrow('another Millrace server is running');
      await write(first, 'file-unharmed');
      await close(first);
      const second = await open();
      expect(await second.reader.countBy(FileRow, { id: 'file-unharmed' })).toBe(1);
    });

    it('keeps other processes out', async () => {
      const { hears } = startWritingServer();
      expect(await hears(1)).toEqual(['open']);
      await expect(open()).rejects.toThrow('another Millrace server is running');
    });

    it('is given back when the store cannot be opened', async () => {
      await close(await open());
      const byHand = await openSqlite(sqliteFileIn(folder.path), 'write');
      await byHand.query(`INSERT INTO migration (timestamp, name) VALUES (99, 'future0000000000099')`);
      await expect(open()).rejects.toThrow('newer version of Millrace');
      FolderLock.acquire(folder.path).release();
      await byHand.query(`DELETE FROM migration WHERE timestamp = 99`);
      await byHand.destroy();
      await open();
    });
  });

  describe('after kill -9', () => {
    it('is free at once, and holds all that was answered', async () => {
      const other = startWritingServer();
      await other.hears(200);
      other.child.kill('SIGKILL');
      await other.ended;
      const answered = other.answered();
      const database = await open();
      const stored = new Set((await database.reader.find(FileRow)).map(({ id }) => id));
      expect(answered.filter((id) => !stored.has(id))).toEqual([]);
      // Each of the four callers waits for its answer, so at most that much is there unanswered.
      expect(stored.size - answered.length).toBeLessThanOrEqual(4);
      expect(await database.reader.query('SELECT COUNT(*) AS n FROM blob')).toEqual([{ n: stored.size }]);
    });

    it.each([
      ['before', 0],
      ['after', 4],
    ])('right %s a commit holds %i of the four writes of its group', async (moment, held) => {
      const other = startWritingServer(`write:file-create:${moment}:81`);
      const [, signal] = await other.ended;
      expect(signal).toBe('SIGKILL');
      const answered = other.answered();
      expect(answered.length).toBeGreaterThan(0);
      const stored = (await (await open()).reader.find(FileRow)).map(({ id }) => id);
      expect(answered.filter((id) => !stored.includes(id))).toEqual([]);
      expect(stored.length - answered.length).toBe(held);
    });
  });

  describe('opened again', () => {
    it('goes on counting its commits', async () => {
      const first = await open();
      for (const n of range(1, 3)) await write(first, `file-${n}`);
      const mark = await markOf(first);
      await close(first);
      const second = await open();
      await write(second, 'file-4');
      expect(await markOf(second)).toBe(mark + 1);
    });

    it('has its log put back into the file', async () => {
      const first = await open();
      await Promise.all(range(1, 50).map((n) => write(first, `file-${n}`)));
      await close(first);
      // Whatever is left of it is not needed.
      for (const ending of ['-wal', '-shm']) rmSync(sqliteFileIn(folder.path) + ending, { force: true });
      expect(await (await open()).reader.countBy(FileRow, {})).toBe(50);
    });
  });

  describe('closing', () => {
    it('commits what waits, and takes nothing more', async () => {
      const database = await open();
      const answers = Promise.allSettled(range(1, 1_200).map((n) => write(database, `file-${n}`)));
      await close(database);
      expect(new Set((await answers).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
      await expect(write(database, 'file-late')).rejects.toMatchObject({ code: 'shutting_down' });
      expect(deaths.items).toEqual([]);
      const again = await open();
      expect(await again.reader.countBy(FileRow, {})).toBe(1_200);
    });
  });
});
