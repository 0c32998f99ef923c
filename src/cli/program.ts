/**
 * The command `millrace`. Each subcommand is one file in `commands/`; it describes itself at once and loads what it
 * works with when it runs, so that `--help` answers without loading a server.
 */
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.js';
import { VERSION } from '../config/version.js';
import { MillraceError } from '../kernel/errors.js';
import { simCommand } from '../sim/sim-command.js';
import { CliError, EXIT } from './cli-error.js';
import { backupCommand } from './commands/backup.command.js';
import { batchesCommand } from './commands/batches.command.js';
import { configCommand } from './commands/config.command.js';
import { demoCommand } from './commands/demo.command.js';
import { doctorCommand } from './commands/doctor.command.js';
import { keysCommand } from './commands/keys.command.js';
import { migrateCommand } from './commands/migrate.command.js';
import { moveCommand } from './commands/move.command.js';
import { queuesCommand } from './commands/queues.command.js';
import { restoreCommand } from './commands/restore.command.js';
import { runBatchCommand } from './commands/run-batch.command.js';
import { serveCommand } from './commands/serve.command.js';
import { upstreamsCommand } from './commands/upstreams.command.js';

const ABOUT = `Carries AI work to models at the rate the models can take.

One server with an OpenAI-compatible Files and Batch API. It needs no other service.`;

const MORE = `
Start here:
  millrace demo                          see a whole batch run, with a made-up model, in ten seconds
  MILLRACE_UPSTREAM_URL=http://127.0.0.1:11434/v1 millrace serve
                                         serve for real, here in front of a local Ollama
  millrace doctor                        look whether all is well, and what to do about it if not
  millrace run-batch -i in.jsonl -o out.jsonl
                                         run a file of requests and wait for the results
  millrace config print                  what is set, and what else could be

Every setting is a variable MILLRACE_…, from the environment or a file .env in the current folder.
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 no server answers or it refuses the key, 4 done but some lines
failed, 130 stopped by Ctrl-C before it was done. The doctor has its own: 0 well, 1 warnings, 2 broken.`;

const SIM_IN_SHORT = 'start a made-up model server, for trials and tests';

export function makeProgram(): Command {
  const program = new Command('millrace')
    .description(ABOUT)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', MORE);
  for (const [heading, commands] of groupsOfCommands()) {
    program.commandsGroup(heading);
    for (const command of commands) program.addCommand(command);
  }
  settle(program);
  return program;
}

function groupsOfCommands(): readonly (readonly [heading: string, commands: readonly Command[]])[] {
  return [
    [
      'Server:',
      [
        serveCommand(),
        doctorCommand(),
        configCommand(),
        migrateCommand(),
        backupCommand(),
        restoreCommand(),
        moveCommand(),
      ],
    ],
    ['Work:', [runBatchCommand(), batchesCommand()]],
    ['Set up:', [keysCommand(), queuesCommand(), upstreamsCommand()]],
    ['Try:', [demoCommand(), simCommand().summary(SIM_IN_SHORT)]],
  ];
}

/**
 * Runs one command line, without `node` and the file's name. Resolves with the exit code when it is done; `serve` never
 * is, it ends the process by itself. Problems are printed, never thrown.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    await makeProgram().parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    console.error(isExpected(error) ? `error: ${error.message}` : error);
    return error instanceof CliError ? error.exitCode : EXIT.failure;
  }
}

/** Has each command throw instead of ending the process, and point to its help when it is used wrongly. */
function settle(command: Command): void {
  command.exitOverride().showHelpAfterError('(see --help)');
  for (const child of command.commands) settle(child);
}

/** Commander has printed it already. A command that refuses to go on says so with `error()`, which has its own code. */
function exitCodeOf(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.ok;
  return error.code === 'commander.error' ? EXIT.failure : EXIT.usage;
}

function isExpected(error: unknown): error is Error {
  return error instanceof CliError || error instanceof ConfigError || error instanceof MillraceError;
}
