import { Command } from 'commander';
import { counted } from '../figures.js';
import { JSON_OPTION, show } from '../output.js';

const MORE = `
Every byte is checked against the manifest, and the database against itself and its files, while they are written. If
anything is wrong, all of it is listed and the folder is left as it was. Then start the server on the folder: work that
was under way when the backup was made goes on.

Examples:
  millrace restore /backups/2026-11-22 --verify
  millrace restore /backups/2026-11-22.tar --data-dir ./restored && MILLRACE_DATA_DIR=./restored millrace serve`;

interface Given {
  dataDir?: string;
  verify?: true;
  json?: true;
}

/** The command `restore`. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('put a backup back into an empty folder, or only check it')
    .argument('<backup>', 'a folder or .tar file made by `millrace backup`')
    .option('--data-dir <folder>', 'where to, a new or empty folder (MILLRACE_DATA_DIR)')
    .option('--verify', 'only check the backup')
    .option(...JSON_OPTION)
    .addHelpText('after', MORE)
    .action(async (path: string, { dataDir, verify, json }: Given) => {
      const [{ loadConfigFromProcess }, { restoreBackup, verifyBackup }] = await Promise.all([
        import('../../config/load-config.js'),
        import('../backup/restore.js'),
      ]);
      const target = verify ? null : loadConfigFromProcess({ MILLRACE_DATA_DIR: dataDir }).dataDir;
      const { createdAt, version, counts, entries } =
        target === null ? await verifyBackup(path) : await restoreBackup(path, target);
      const result = { path, restoredTo: target, createdAt, version, counts, files: entries.length };
      const holds = `${counted(counts.batches, 'batch', 'batches')} and ${counted(counts.tasks, 'task')}`;
      show(result, json, () => [
        `The backup of ${createdAt} is whole: ${holds}, ${counted(entries.length, 'file')}.`,
        ...(target === null ? [] : [`It is in ${target}: start the server with MILLRACE_DATA_DIR=${target}`]),
      ]);
    });
}
