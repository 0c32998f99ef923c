import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { KEPT_PAGES, SLICE_PAGES, SpaceReclaimer } from './space-reclaimer.js';

const PAGE_BYTES = 4096;
/** Each fills a page, about. */
const ROWS = 4 * KEPT_PAGES;

let folder: TemporaryFolder;
let file: string;
let database: Database.Database;
let reclaimer: SpaceReclaimer;

const number = (pragma: string) => database.pragma(pragma, { simple: true }) as number;
const bytesOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

beforeEach(async () => {
  vi.useFakeTimers();
  folder = await makeTemporaryFolder();
  file = join(folder.path, 'space.sqlite');
  database = new Database(file);
  database.pragma('auto_vacuum = INCREMENTAL');
  database.pragma('journal_mode = WAL');
  reclaimer = new SpaceReclaimer(database);
  database.exec('CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT)');
  const insert = database.prepare(`INSERT INTO row (n, text) VALUES (?, '${'x'.repeat(3_500)}')`);
  database.transaction(() => {
    for (let n = 1; n <= ROWS; n += 1) insert.run(n);
  })();
  database.pragma('wal_checkpoint(TRUNCATE)');
});

afterEach(async () => {
  vi.useRealTimers();
  reclaimer.stop();
  database.close();
  await folder.remove();
});

/** Forgets every other row, so that the free pages lie everywhere but at the end. */
function forgetHalf(): void {
  database.exec('DELETE FROM row WHERE n % 2 = 0');
}

describe('giving space back', () => {
  it('makes the file and its log shorter, and harms no row', () => {
    const before = bytesOf(file);
    forgetHalf();
    expect(bytesOf(file)).toBe(before);
    reclaimer.noteGroup();
    vi.runAllTimers();
    expect(number('freelist_count')).toBeLessThanOrEqual(KEPT_PAGES);
    expect(before - bytesOf(file)).toBeGreaterThan((ROWS / 2 - KEPT_PAGES - 10) * PAGE_BYTES);
    expect(bytesOf(`${file}-wal`)).toBe(0);
    expect(database.prepare('SELECT COUNT(*) FROM row WHERE n % 2 = 1').pluck().get()).toBe(ROWS / 2);
    expect(number('integrity_check')).toBe('ok');
  });

  it('goes in slices, between which others can write', () => {
    forgetHalf();
    reclaimer.noteGroup();
    const counts = [number('freelist_count')];
    while (vi.getTimerCount() > 0) {
      vi.advanceTimersToNextTimer();
      database.exec("INSERT INTO row (n, text) VALUES ((SELECT MAX(n) + 1 FROM row), 'written meanwhile')");
      counts.push(number('freelist_count'));
    }
    const slices = counts.slice(1).map((count, index) => counts[index]! - count);
    expect(slices.length).toBeGreaterThan((ROWS / 2 - KEPT_PAGES) / SLICE_PAGES);
    expect(Math.max(...slices)).toBeLessThanOrEqual(SLICE_PAGES + 1);
  });

  it('never happens inside a transaction', () => {
    forgetHalf();
    const free = number('freelist_count');
    reclaimer.noteGroup();
    database.exec('BEGIN IMMEDIATE');
    vi.advanceTimersToNextTimer();
    expect(number('freelist_count')).toBe(free);
    database.exec('COMMIT');
    vi.runAllTimers();
    expect(number('freelist_count')).toBeLessThanOrEqual(KEPT_PAGES);
  });

  it('waits for nobody who reads, and shortens the file once they are done', () => {
    const before = bytesOf(file);
    const reader = new Database(file, { readonly: true });
    forgetHalf();
    const reading = reader.prepare('SELECT n FROM row').iterate();
    reading.next();
    reclaimer.noteGroup();
    for (let step = 0; step < 20; step += 1) vi.advanceTimersToNextTimer();
    expect(number('freelist_count')).toBeLessThanOrEqual(KEPT_PAGES);
    expect(bytesOf(file)).toBe(before);
    reading.return!();
    reader.close();
    vi.runAllTimers();
    expect(bytesOf(file)).toBeLessThan(before);
    expect(number('busy_timeout')).toBe(5_000);
  });

  it('leaves alone what little is free, and what nobody has written to', () => {
    reclaimer.noteGroup();
    vi.runAllTimers();
    expect(vi.getTimerCount()).toBe(0);
    database.exec(`DELETE FROM row WHERE n <= ${KEPT_PAGES / 2}`);
    const before = number('freelist_count');
    expect(before).toBeGreaterThan(KEPT_PAGES / 4);
    reclaimer.noteGroup();
    vi.runAllTimers();
    expect(number('freelist_count')).toBe(before);
  });

  it('is given up on a full disk, and goes on after the next group', () => {
    const before = bytesOf(file);
    forgetHalf();
    const full = new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
    const exec = vi.spyOn(database, 'exec').mockImplementationOnce(() => {
      throw full;
    });
    reclaimer.noteGroup();
    vi.runAllTimers();
    expect(exec).toHaveBeenCalledTimes(1);
    reclaimer.noteGroup();
    vi.runAllTimers();
    expect(bytesOf(file)).toBeLessThan(before);
  });

  it('does not take a defect for a full disk', () => {
    forgetHalf();
    vi.spyOn(database, 'exec').mockImplementationOnce(() => {
      throw new TypeError('a defect');
    });
    reclaimer.noteGroup();
    expect(() => vi.runAllTimers()).toThrow('a defect');
  });

  it('stops when it is told to', () => {
    forgetHalf();
    reclaimer.noteGroup();
    reclaimer.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
