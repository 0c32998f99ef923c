import { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import { showAge, showCount } from '../figures.js';
import { toCount } from '../option-parsers.js';
import { JSON_OPTION, show } from '../output.js';
import { addServerOptions, type ServerOptions } from '../server/server-address.js';
import type { WireBatch } from '../server/wire.js';
import { withServer } from '../server/with-server.js';
import { pairLines, tableLines } from '../tables.js';
import { openErrorScreen } from '../terminal.js';

const EXAMPLES = `
Examples:
  millrace batches ls
  millrace batches watch batch_0198f3… && echo all lines completed
  millrace batches show batch_0198f3… --json | jq .request_counts
  millrace batches cancel batch_0198f3…

A batch belongs to a tenant: you see those of the tenant of your key.`;

const BATCHES = '/v1/batches';

type JsonOption = ServerOptions & { json?: true };

/** The command `batches`. To run a file from here see `run-batch`. */
export function batchesCommand(): Command {
  const batches = new Command('batches').description('see, watch and cancel batches').addHelpText('after', EXAMPLES);
  for (const command of [listCommand(), showCommand(), watchCommand(), cancelCommand()]) batches.addCommand(command);
  return batches;
}

function listCommand(): Command {
  const command = new Command('ls')
    .alias('list')
    .description('list batches, newest first')
    .option('--limit <n>', 'how many at most', toCount, 20)
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (given: JsonOption & { limit: number }) => {
    await withServer(given, async (client) => {
      const batches = await client.list<WireBatch>(BATCHES, given.limit);
      const headings = ['ID', 'STATUS', 'DONE', 'FAILED', 'LINES', 'ENDPOINT', 'MADE'];
      show(batches, given.json, (screen) =>
        batches.length === 0 ? ['There are none.'] : tableLines(headings, batches.map(toRow), screen),
      );
    });
  });
}

function showCommand(): Command {
  const command = new Command('show')
    .description('show all about a batch')
    .argument('<id>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (id: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const [{ faultLines, outcomeOf }, { reasonsOf }] = await Promise.all([
        import('../follow-batch.js'),
        import('../wait-notes.js'),
      ]);
      const batch = await client.get<WireBatch>(pathOf(id));
      const reasons = batch.status === 'in_progress' ? await reasonsOf(client, id) : [];
      show({ ...batch, waits_because: reasons }, given.json, (screen) => [
        ...pairLines(
          [
            ['batch', batch.id],
            ['status', batch.status],
            ['lines', outcomeOf(batch)],
            ...reasons.map((reason): [string, string] => ['waits because', reason]),
            ['endpoint', batch.endpoint],
            ['made', showAge(batch.created_at)],
            ['window', `${batch.completion_window}, until ${new Date(batch.expires_at * 1000).toISOString()}`],
            ['input', batch.input_file_id],
            ['output', batch.output_file_id ?? '-'],
            ['errors', batch.error_file_id ?? '-'],
          ],
          screen,
        ),
        ...faultLines(batch),
      ]);
    });
  });
}

function watchCommand(): Command {
  const command = new Command('watch')
    .description('draw the progress of a batch until it has ended; 0 only if every line completed')
    .argument('<id>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (id: string, given: JsonOption) => {
    const [{ followBatch, outcomeOf }, { untilStopped }] = await Promise.all([
      import('../follow-batch.js'),
      import('../stop-signal.js'),
    ]);
    await withServer(given, async (client) => {
      const batch = await untilStopped(
        () => new CliError('Stopped watching; the batch goes on.', EXIT.interrupted),
        (signal) => followBatch(client, id, { screen: openErrorScreen(), signal }),
      );
      show(batch, given.json, () => [`The batch is ${batch.status}. ${outcomeOf(batch)}`]);
      if (batch.status !== 'completed') throw new CliError(`The batch ended as ${batch.status}.`);
      if (batch.request_counts.failed > 0) throw new CliError('Some of its lines failed.', EXIT.partial);
    });
  });
}

function cancelCommand(): Command {
  const command = new Command('cancel')
    .description('stop a batch; what is done is kept')
    .argument('<id>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (id: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const batch = await client.post<WireBatch>(`${pathOf(id)}/cancel`);
      show(batch, given.json, () => [`The batch is ${batch.status}.`]);
    });
  });
}

function pathOf(id: string): string {
  return `${BATCHES}/${encodeURIComponent(id)}`;
}

function toRow(batch: WireBatch): string[] {
  const { total, completed, failed } = batch.request_counts;
  const counts = [completed, failed, total].map(showCount);
  return [batch.id, batch.status, ...counts, batch.endpoint, showAge(batch.created_at)];
}
