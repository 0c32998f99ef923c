/**
 * Carries all that an embedded server keeps into an empty deployment. Until the last step no server starts on the database, so
 * a move that is cut off has done no harm: it is begun again, and brings again what it has brought.
 */
import type { AppConfig, ServicesConfig } from '../../config/app-config.js';
import { describeDatabaseUrl } from '../../config/database-url.js';
import { messageOf } from '../../kernel/errors.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { grouped, MysqlTables } from '../../store/move/mysql-tables.js';
import { CliError } from '../cli-error.js';
import { claimed, compareBlobs, copyBlobs, openBucket, type MovedBlobs } from './move-blobs.js';
import { MoveSource } from './move-source.js';

export interface MoveResult {
  from: string;
  /** Host and name of the database. */
  to: string;
  /** Rows of each table. */
  rows: Record<string, number>;
  blobs: MovedBlobs;
  isVerified: boolean;
}

export interface MoveOptions {
  /** A data folder, or a backup. */
  path: string;
  /** Whether every row and every byte is read back and compared. */
  verify: boolean;
  /** Told of what begins now. */
  onStep: (step: string) => void;
}

/** Throws CliError, having changed nothing at all in the folder, when the move cannot be done or is not right. */
export async function move(config: AppConfig, services: ServicesConfig, options: MoveOptions): Promise<MoveResult> {
  const source = await MoveSource.open(options.path);
  const bucket = openBucket(services.s3Url);
  let target: MysqlTables | null = null;
  try {
    source.checkSecret(new SecretSealer(config.secret!));
    options.onStep('Looking whether the folder is whole');
    await source.checkWhole();
    const to = describeDatabaseUrl(services.databaseUrl);
    target = await MysqlTables.open(services.databaseUrl).catch((error: unknown) => {
      throw new CliError(`The database at ${to} cannot be used: ${messageOf(error)}.`);
    });
    const tables = source.tables.tables();
    const claim = bucket.claimFor(target.deployment);
    if ((await target.moveUnderWay()) === null) {
      await refuseFilled(target, source);
      await claimed(() => claim.look());
    }
    await target.begin(source.path, tables);
    await claimed(() => claim.take());
    options.onStep('Copying stored files');
    const blobs = await copyBlobs(source.blobs, bucket, source.tables.knownBlobs());
    options.onStep('Copying rows');
    const rows = await copyRows(source, target);
    if (options.verify) {
      options.onStep('Comparing all of it');
      await compareRows(source, target);
      await compareBlobs(source.blobs, bucket);
    }
    await target.end();
    return { from: source.path, to, rows, blobs, isVerified: options.verify };
  } finally {
    await target?.close();
    await bucket.close();
    await source.close();
  }
}

async function refuseFilled(target: MysqlTables, source: MoveSource): Promise<void> {
  const filled = await target.firstFilled(source.tables.tables());
  if (filled === null) return;
  const fix = 'A move wants it and the bucket empty; no server may have run there';
  throw new CliError(`The database is not empty: its table ${filled} has rows. ${fix}.`);
}

async function copyRows({ tables }: MoveSource, target: MysqlTables): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables.tables()) {
    for (const rows of grouped(tables.rows(table))) await target.insert(table, rows);
    // Numbers are never given twice: lanes remember up to which one they were cleared.
    if (table.isNumbered) await target.continueAfter(table, tables.lastNumber(table));
    const [expected, found] = [tables.count(table), await target.count(table)];
    if (expected !== found)
      throw new CliError(`The table ${table.name} has ${found} rows there instead of ${expected}.`);
    counts[table.name] = found;
  }
  return counts;
}

async function compareRows({ tables }: MoveSource, target: MysqlTables): Promise<void> {
  for (const table of tables.tables()) {
    for (const rows of grouped(tables.rows(table))) {
      if (await target.holds(table, rows)) continue;
      throw new CliError(`The table ${table.name} does not hold what was copied. Do not use it; run the move again.`);
    }
  }
}
