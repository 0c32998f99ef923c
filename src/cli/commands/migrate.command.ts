import { join } from 'node:path';
import { Command } from 'commander';
import type { ServicesConfig } from '../../config/app-config.js';
import { describeDatabaseUrl } from '../../config/database-url.js';
import { messageOf } from '../../kernel/errors.js';
import { CliError } from '../cli-error.js';
import { counted } from '../figures.js';
import { JSON_OPTION, show } from '../output.js';

const MORE = `
An embedded server does this by itself when it starts; do it beforehand to keep that start short, but not while it runs.
--status may be asked any time: it ends with 0 when nothing is to be done, with 1 when something is.

With MILLRACE_MODE=distributed a server only makes the tables of an empty database: do this before its version is rolled out.
The servers of the version before go on meanwhile. Any number of processes may do it at once: one does, the others wait.

Examples:
  millrace migrate --status
  millrace backup /backups/before && millrace migrate
  MILLRACE_MODE=distributed millrace migrate`;

interface Given {
  dataDir?: string;
  status?: true;
  json?: true;
}

/** The command `migrate`: brings the database to the schema of this version. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database up to date with this version')
    .option('--data-dir <folder>', 'whose database (MILLRACE_DATA_DIR)')
    .option('--status', 'only say what is to be done')
    .option(...JSON_OPTION)
    .addHelpText('after', MORE)
    .action(async ({ dataDir, status, json }: Given) => {
      const { loadConfigFromProcess } = await import('../../config/load-config.js');
      const config = loadConfigFromProcess({ MILLRACE_DATA_DIR: dataDir });
      if (config.services !== null) await migrateDeployment(config.services, status ?? false, json);
      else if (status) await showStatus(config.dataDir, json);
      else await apply(config.dataDir, json);
    });
}

async function migrateDeployment({ databaseUrl }: ServicesConfig, isStatus: boolean, json?: true): Promise<void> {
  const { MysqlInspection } = await import('../../store/mysql/mysql-inspection.js');
  const database = describeDatabaseUrl(databaseUrl);
  const inspection = await MysqlInspection.open(databaseUrl).catch((error: unknown) => {
    throw new CliError(
      `The database at ${database} cannot be used: ${messageOf(error)}. \`millrace doctor\` says more.`,
    );
  });
  try {
    if (isStatus) showPending({ database }, await inspection.pendingMigrations(), json, 'run `millrace migrate`');
    else showApplied({ database }, await inspection.migrate(), json);
  } finally {
    await inspection.close();
  }
}

async function showStatus(dataDir: string, json: true | undefined): Promise<void> {
  const [{ SqliteInspection }, { SQLITE_FILE }, { existsSync }] = await Promise.all([
    import('../../store/sqlite/sqlite-inspection.js'),
    import('../../store/sqlite/sqlite-data-source.js'),
    import('node:fs'),
  ]);
  const file = join(dataDir, SQLITE_FILE);
  if (!existsSync(file))
    throw new CliError(`There is no database in ${dataDir}; the first start of a server makes it.`);
  const inspection = await SqliteInspection.open(file);
  try {
    showPending({ dataDir }, await inspection.pendingMigrations(), json, 'stop the server, then `millrace migrate`');
  } finally {
    await inspection.close();
  }
}

async function apply(dataDir: string, json: true | undefined): Promise<void> {
  const [{ migrateFolder }, { isFolderLocked }] = await Promise.all([
    import('../../store/sqlite/migrate-folder.js'),
    import('../../store/sqlite/folder-lock.js'),
  ]);
  if (isFolderLocked(dataDir)) throw new CliError(`A server is running on ${dataDir}. Stop it first.`);
  showApplied({ dataDir }, await migrateFolder(dataDir), json);
}

/** @param where as JSON shows it */
function showPending(where: object, pending: readonly string[], json: true | undefined, fix: string): void {
  const isDone = pending.length === 0;
  show({ ...where, pending }, json, () => (isDone ? ['The database is up to date.'] : pending));
  if (!isDone) throw new CliError(`${counted(pending.length, 'migration')} to run: ${fix}.`);
}

function showApplied(where: object, applied: readonly string[], json: true | undefined): void {
  show({ ...where, applied }, json, () => [
    applied.length === 0 ? 'The database was up to date.' : `Done: ${applied.join(', ')}`,
  ]);
}
