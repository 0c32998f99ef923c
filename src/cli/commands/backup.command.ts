import { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { counted, showBytes } from '../figures.js';
import { JSON_OPTION, show } from '../output.js';
import { openErrorScreen } from '../terminal.js';

const MORE = `
The server may run meanwhile, and need not. The backup holds the database as it was at one moment, the files it refers
to, and the generated keys: keep it as safe as the data folder. Keys that come from variables are not in it.

Examples:
  millrace backup /backups/$(date +%F)
  millrace backup /backups/$(date +%F).tar --data-dir /var/lib/millrace
  millrace restore /backups/2026-11-22.tar --verify`;

const NOT_OURS = `\`millrace backup\` is for the embedded mode; in distributed mode nothing is in a folder. While the servers run, back up
the database at one moment (mysqldump --single-transaction), and then the bucket (aws s3 sync, or versions kept by the
store). Keep MILLRACE_SECRET, too. Redis holds nothing that is missed.`;

interface Given {
  dataDir?: string;
  json?: true;
}

/** The command `backup`. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('copy all data to a folder, or to a file ending in .tar, while the server runs')
    .argument('<path>', 'where the backup goes; nothing may be there yet')
    .option('--data-dir <folder>', 'what to back up (MILLRACE_DATA_DIR)')
    .option(...JSON_OPTION)
    .addHelpText('after', MORE)
    .action(async (path: string, { dataDir, json }: Given) => {
      const [{ loadConfigFromProcess }, { backUp }] = await Promise.all([
        import('../../config/load-config.js'),
        import('../backup/backup.js'),
      ]);
      const config = loadConfigFromProcess({ MILLRACE_DATA_DIR: dataDir });
      if (config.services !== null && dataDir === undefined) throw new CliError(NOT_OURS);
      const result = await backUp(config.dataDir, path);
      const { bytes, blobs, counts } = result;
      show(result, json, () => [
        `${path} holds ${showBytes(bytes)}: ${counted(counts.batches, 'batch', 'batches')}, ` +
          `${counted(counts.tasks, 'task')}, ${counted(blobs, 'stored file')}.`,
      ]);
      if (config.secret !== null) {
        openErrorScreen().print('MILLRACE_SECRET is not in it: keep it elsewhere, the keys of upstreams need it.');
      }
    });
}
