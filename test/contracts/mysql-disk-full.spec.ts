/** A database server whose disk fills up: what is refused is not stored, what was answered is, and all goes on when there is room. */
import 'reflect-metadata';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { procedureOfMany } from '../../src/store/procedure.js';
import { makeDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';
import { SmallDisk } from '../support/small-disk.js';

const MIB = 1024 * 1024;
/** What an empty server takes, and a little. */
const DISK_MIB = 192;
/** More than the disk has left. */
const MOST_WRITES = 300;
const ROWS_EACH = 100;

const note = procedureOfMany('full-note', async (tx, subjects: readonly string[]): Promise<null[]> => {
  for (const subject of subjects) {
    // Small enough to stay in its page: MariaDB aborts itself when it has no room for what would be stored beside it.
    const detail = JSON.stringify({ text: 'x'.repeat(2_000) });
    const entry = { tenantSeq: null, actor: 'admin', action: 'test', subject, detail, createdAt: tx.now };
    await tx.manager.insert(
      AuditEntryRow,
      Array.from({ length: ROWS_EACH }, (_, n) => ({ ...entry, id: `full_${subject}_${n}` })),
    );
  }
  return subjects.map(() => null);
});

let disk: SmallDisk;
let server: MariadbServer;
let database: MysqlDatabase;
beforeEach(async () => {
  disk = await SmallDisk.make(DISK_MIB);
  server = await startMariadb(disk);
  database = await MysqlDatabase.open({ url: await makeDatabase(server), mayMigrate: true });
});
afterEach(async () => {
  await database.close();
  await server.stop();
});

/** What was stored, each with how many rows. */
async function stored(): Promise<Record<string, number>> {
  const rows = await database.reader.find(AuditEntryRow, { select: { subject: true } });
  const counts: Record<string, number> = {};
  for (const { subject } of rows) counts[subject] = (counts[subject] ?? 0) + 1;
  return counts;
}

const whole = (subjects: readonly string[]) => Object.fromEntries(subjects.map((subject) => [subject, ROWS_EACH]));

/** Writes until it is refused, and resolves with the refusal. */
async function untilRefused(answered: string[]): Promise<unknown> {
  for (let n = 0; n < MOST_WRITES; n += 1) {
    const subject = `n${n}`;
    const refusal: unknown = await database.write(note, subject).catch((error: unknown) => error);
    if (refusal !== null) return refusal;
    answered.push(subject);
  }
  return null;
}

it('refuses with 507 what it has no room for, and goes on by itself when there is room', async () => {
  await disk.fill(8 * MIB);
  const answered: string[] = [];
  const refusal = await untilRefused(answered);
  expect(refusal).toMatchObject({ code: 'insufficient_storage', status: 507 });
  expect(await stored()).toEqual(whole(answered));
  await disk.makeRoom();
  await database.write(note, 'later');
  expect(await stored()).toEqual(whole([...answered, 'later']));
});
