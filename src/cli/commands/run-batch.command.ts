import { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import { toLevel } from '../option-parsers.js';
import { addServerOptions, type ServerOptions } from '../server/server-address.js';
import { withServer } from '../server/with-server.js';

const MORE = `
The batch runs on the server. Stop this command when you like, or lose it: what it has done is noted in <output>.run,
and the same command goes on from there, with nothing uploaded or run twice.

While nothing moves it says why, as far as the server knows; with --json that is in "waited_because" in the end, too.

Without --errors, lines that failed come in the output behind the others, so that every custom_id is in it once.

Exit codes: 0 all lines completed, 1 failed, 2 wrong command line, 3 no server or wrong key, 4 some lines failed or were
not run, 130 stopped by Ctrl-C.

Examples:
  millrace run-batch -i requests.jsonl -o results.jsonl
  millrace run-batch -i requests.jsonl -o good.jsonl --errors bad.jsonl --queue nightly --level 5
  millrace run-batch -i requests.jsonl -o - | jq -r .response.body.choices[0].message.content`;

export interface RunBatchOptions {
  input: string;
  /** `-` for the standard output. */
  output: string;
  errors: string | null;
  /** Null: beside the output. */
  state: string | null;
  /** Null: that of the first line. */
  endpoint: string | null;
  completionWindow: string;
  queue: string | null;
  level: number | null;
  model: string | null;
  /** Whether there has to be something to go on with. */
  isResume: boolean;
  /** Whether an earlier run is forgotten. */
  isFresh: boolean;
  mayOverwrite: boolean;
}

interface Given extends ServerOptions {
  input: string;
  output: string;
  errors?: string;
  state?: string;
  endpoint?: string;
  completionWindow: string;
  queue?: string;
  level?: number;
  model?: string;
  resume?: true;
  fresh?: true;
  overwrite?: true;
  json?: true;
}

/** The command `run-batch`: a file in, a file out. */
export function runBatchCommand(): Command {
  const command = new Command('run-batch')
    .description('run a file of requests as a batch and wait for the results')
    .requiredOption('-i, --input <file>', 'requests, one a line, as JSON')
    .requiredOption('-o, --output <file>', 'where the results go; - for the standard output')
    .option('--errors <file>', 'where lines that failed go')
    .option('--model <name>', 'model for lines that name none')
    .option('--endpoint <path>', 'what the lines are for (default: the url of the first one)')
    .option('--completion-window <span>', 'how long it may take, such as 30m, 24h or 7d', '24h')
    .option('--queue <name>', 'send all lines to this queue')
    .option('--level <n>', '0 (first) to 9 (default: 1)', toLevel)
    .option('--resume', 'go on with an earlier run, and refuse to begin a new one')
    .option('--fresh', 'forget an earlier run with this output, and begin a new one')
    .option('--overwrite', 'replace an output that is there')
    .option('--state <file>', 'where to note what is done (default: <output>.run)')
    .option('--json', 'print the batch as JSON in the end, to the standard error if the results go to the output');
  return addServerOptions(command).addHelpText('after', MORE).action(run);
}

async function run(given: Given): Promise<void> {
  if (given.resume && given.fresh) throw new CliError('--resume and --fresh contradict each other.', EXIT.usage);
  const { runBatch } = await import('../run-batch/run-batch.js');
  await withServer(given, async (client) => {
    const batch = await runBatch(client, optionsOf(given));
    if (given.json) (given.output === '-' ? console.error : console.log)(JSON.stringify(batch, null, 2));
    const { total, completed } = batch.request_counts;
    if (batch.status !== 'completed') {
      throw new CliError(`The batch ended as ${batch.status}; what was done is in the results.`, EXIT.partial);
    }
    if (completed < total) throw new CliError('Some of the lines failed; their results say why.', EXIT.partial);
  });
}

function optionsOf(given: Given): RunBatchOptions {
  const { input, output, completionWindow } = given;
  return {
    input,
    output,
    completionWindow,
    errors: given.errors ?? null,
    state: given.state ?? null,
    endpoint: given.endpoint ?? null,
    queue: given.queue ?? null,
    level: given.level ?? null,
    model: given.model ?? null,
    isResume: given.resume ?? false,
    isFresh: given.fresh ?? false,
    mayOverwrite: given.overwrite ?? false,
  };
}
