import { Command } from 'commander';

const MORE = `
Values come from the environment first, then from a file .env in the current folder, then from the default.
A secret is never shown, so the output can be pasted anywhere.

Examples:
  millrace config print
  millrace config print --json | jq '.[] | select(.origin != "default")'`;

/** The command `config`, with `print`. */
export function configCommand(): Command {
  const config = new Command('config').description('show the settings');
  config
    .command('print')
    .description('print every setting, its value in force and where that came from')
    .option('--json', 'as a JSON array of {name, value, origin}; value is null when not set')
    .addHelpText('after', MORE)
    .action(async ({ json }: { json?: true }) => {
      const [{ configReport }, { processInput }, { layOut }] = await Promise.all([
        import('../../config/config-print.js'),
        import('../../config/load-config.js'),
        import('./config-layout.js'),
      ]);
      const rows = configReport(processInput());
      console.log(json ? JSON.stringify(rows, null, 2) : layOut(rows));
    });
  return config;
}
