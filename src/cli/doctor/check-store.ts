/** The database: whether it is whole, what this version expects, and takes a write. */
import { messageOf } from '../../kernel/errors.js';
import type { PromisedBlob } from '../../store/inspection.js';
import { probeCommit, type SqliteInspection } from '../../store/sqlite/sqlite-inspection.js';
import { counted } from '../figures.js';
import { failed, ok, warning, type Finding } from './finding.js';

const RESTORE =
  'stop the server, keep the folder for a look, and restore the last backup: millrace restore <backup> --data-dir <new>';
const SLOW_COMMIT_MS = 200;

/** @param isDeep whether indexes are compared with tables, which takes as long as reading all of it */
export function checkIntegrity(inspection: SqliteInspection, isDeep: boolean): Finding {
  const damage = inspection.damage(isDeep);
  if (damage.length === 0) return ok('database', isDeep ? 'whole, indexes and all' : 'whole');
  return failed('database', `it is damaged: ${damage[0]} (${counted(damage.length, 'problem')})`, RESTORE);
}

/** Said of a database that cannot even be opened. */
export function unreadable(error: unknown): Finding {
  return failed('database', `it cannot be read: ${messageOf(error)}`, RESTORE);
}

/** @param toMigrate what runs the migrations that are due */
export async function checkSchema(
  inspection: Pick<SqliteInspection, 'pendingMigrations' | 'drift'>,
  toMigrate = 'stop the server, then: millrace migrate',
): Promise<Finding> {
  const check = 'schema';
  let pending: string[];
  try {
    pending = await inspection.pendingMigrations();
  } catch (error) {
    return failed(check, messageOf(error), 'start the version of Millrace that wrote it last, or a newer one');
  }
  if (pending.length > 0) {
    return warning(check, `${counted(pending.length, 'migration')} to run`, toMigrate);
  }
  const drift = await inspection.drift();
  if (drift.length === 0) return ok(check, 'as this version expects');
  const fix = 'somebody changed the tables by hand: undo it, or restore a backup';
  return failed(check, `${counted(drift.length, 'difference')}, the first: ${drift[0]}`, fix);
}

/** Also beside a running server, whose writes wait for this one that long. */
export async function checkCommit(file: string): Promise<Finding> {
  const check = 'commit';
  try {
    const tookMs = await probeCommit(file);
    const message = `a write is durable after ${tookMs.toFixed(1)} ms`;
    if (tookMs <= SLOW_COMMIT_MS) return ok(check, message);
    return warning(check, message, 'the disk is slow or busy: use a local SSD, never a network file system');
  } catch (error) {
    return failed(check, `a write failed: ${messageOf(error)}`, 'look at the disk: is it full, read-only, or failing?');
  }
}

/** Stored files that rows refer to: each is there, and as long as it was. */
export async function checkBlobs(
  inspection: { promisedBlobs: () => PromisedBlob[] | Promise<PromisedBlob[]> },
  sizeOf: (key: string) => Promise<number | null>,
): Promise<Finding> {
  const promised = await inspection.promisedBlobs();
  const bad: string[] = [];
  for (const { key, bytes } of promised) {
    const size = await sizeOf(key);
    if (size === null) bad.push(`${key} is missing`);
    else if (bytes !== null && size !== bytes) bad.push(`${key} has ${size} bytes instead of ${bytes}`);
  }
  if (bad.length === 0) return ok('stored files', `${counted(promised.length, 'file')}, all there`);
  return failed('stored files', `${counted(bad.length, 'file')} damaged, the first: ${bad[0]}`, RESTORE);
}
