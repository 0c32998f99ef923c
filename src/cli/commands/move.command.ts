import { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { counted, showBytes } from '../figures.js';
import { JSON_OPTION, show } from '../output.js';
import { openErrorScreen } from '../terminal.js';

const MORE = `
Run it with the settings of the new deployment (MILLRACE_MODE=distributed and the rest) while no server runs on the folder or
in the deployment. MILLRACE_SECRET has to be that of the folder, which is in its secret.key unless it was set. The database and
the bucket have to be empty. The folder is only read.

If it is cut off, run it again: until it is done, no server starts on that database. Work that was under way goes on in the
deployment; then start no server on the folder any more, or both do it.

Examples:
  export MILLRACE_SECRET=$(cat /var/lib/millrace/secret.key)
  millrace move /var/lib/millrace --verify
  millrace move /backups/2026-11-22.tar`;

interface Given {
  verify?: true;
  json?: true;
}

/** The command `move`. */
export function moveCommand(): Command {
  return new Command('move')
    .description('carry the data of an embedded server into an empty distributed deployment')
    .argument('<source>', 'the data folder of a server that was stopped, or a backup of it')
    .option('--verify', 'read every row and every stored file back at the end, and compare')
    .option(...JSON_OPTION)
    .addHelpText('after', MORE)
    .action(async (path: string, { verify, json }: Given) => {
      const [{ loadConfigFromProcess }, { move }] = await Promise.all([
        import('../../config/load-config.js'),
        import('../move/move.js'),
      ]);
      const config = loadConfigFromProcess();
      if (config.services === null) {
        throw new CliError(
          'A move goes into a distributed deployment: set MILLRACE_MODE=distributed and its services.',
        );
      }
      const progress = openErrorScreen();
      const onStep = (step: string): void => progress.print(`${step} ...`);
      const result = await move(config, config.services, { path, verify: verify ?? false, onStep });
      const rows = Object.values(result.rows).reduce((sum, count) => sum + count, 0);
      show(result, json, () => [
        `${counted(rows, 'row')} and ${counted(result.blobs.count, 'stored file')} (${showBytes(result.blobs.bytes)}) ` +
          `are in ${result.to}${result.isVerified ? ', each compared' : ''}.`,
        `Start the deployment now, and no server on ${result.from} any more.`,
        'The admin key is MILLRACE_ADMIN_KEY from now on; all other keys are as they were.',
      ]);
    });
}
