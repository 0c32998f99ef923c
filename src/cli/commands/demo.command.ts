import { Command, InvalidArgumentError } from 'commander';

const ABOUT = `run a whole batch on this machine: a made-up model, a server and the official OpenAI client`;

const MORE = `
What happens: a simulated model and a server start, examples/support-tickets.jsonl is uploaded and run as a batch, and
the results are fetched and checked line by line. No key, no network and no cost. Then the server stays up to be tried,
until Ctrl-C; its data is removed unless --data-dir says where to keep it.

With --distributed it is the other mode: MariaDB, Redis and a stand-in for S3 are started in that folder, on free ports of
this machine alone, and over them two processes that take requests and two that do the work. The batch is made at one and
fetched at the other. It wants redis-server and mariadb-server on this machine; \`npm run demo -- --distributed\` installs
them where it may.

Examples:
  millrace demo
  millrace demo --exit && echo all lines came back
  millrace demo --data-dir ./demo-data --port 9000
  millrace demo --distributed --exit`;

export interface DemoOptions {
  /** Over a database, Redis and a bucket, in several processes. */
  distributed: boolean;
  /** End after the results instead of leaving the server up. */
  exit: boolean;
  /** Null: a temporary folder, removed at the end. */
  dataDir: string | null;
  /** Null: 8080 if it is free, else any free one. */
  port: number | null;
}

/** The command `demo`. Ends with 0 only if every line of the batch came back exactly once and as expected. */
export function demoCommand(): Command {
  return new Command('demo')
    .description(ABOUT)
    .option('--distributed', 'run it in distributed mode: several processes over MariaDB, Redis and a bucket')
    .option('--exit', 'stop after the results')
    .option('--data-dir <folder>', 'where the server keeps its data (default: a temporary folder, removed at the end)')
    .option('--port <n>', 'port of the server (default: 8080, or a free one if that is taken)', toPort)
    .addHelpText('after', MORE)
    .action(async (given: { distributed?: true; exit?: true; dataDir?: string; port?: number }) => {
      const { runDemo } = await import('../demo/demo.js');
      const options: DemoOptions = {
        distributed: given.distributed ?? false,
        exit: given.exit ?? false,
        dataDir: given.dataDir ?? null,
        port: given.port ?? null,
      };
      await runDemo(options);
    });
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('It must be 1 to 65535.');
  return port;
}
