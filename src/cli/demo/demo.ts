/**
 * The demo from start to end: a simulator and a server as programs of their own, one batch through the official client,
 * a check of every line, and then the server is left to the visitor. What it starts it also stops, however it ends.
 */
import { once, setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CliError, EXIT } from '../cli-error.js';
import type { DemoOptions } from '../commands/demo.command.js';
import { showProgress } from '../progress.js';
import { catchStopSignals } from '../stop-signal.js';
import { openScreen, type Screen } from '../terminal.js';
import { fetchResults, followBatch, startBatch, withClient } from './demo-batch.js';
import { checkResults, isAllWell, readAskedLines, readResultLines, type AskedLine } from './demo-check.js';
import { howToGoOn, pairs, samples, shares, summary, verdict } from './demo-report.js';
import { DemoStage, type DemoServer } from './demo-stage.js';
import { shareOfWork, startDeployment, type DemoDeployment } from './distributed-stage.js';

const INPUT_NAME = 'examples/support-tickets.jsonl';
const INPUT = fileURLToPath(new URL(`../../../${INPUT_NAME}`, import.meta.url));

/**
 * Resolves when it is over.
 *
 * @throws CliError when anything is not as it should be, down to a single line of the batch, or when it was stopped
 *   before the results were there
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const screen = openScreen();
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // The client adds one with every request.
  const interruption = new CliError('Stopped before the batch was done.', EXIT.interrupted);
  catchStopSignals(() => ending.abort(interruption));
  const stage = new DemoStage(options, ending);
  try {
    const asked = readAskedLines(readFileSync(INPUT, 'utf8'));
    const server = await setUp(screen, stage, asked, options.distributed);
    const batchId = await runBatch(screen, server, asked, ending.signal);
    if (isDeployment(server)) for (const line of shares(await shareOfWork(server), screen)) screen.print(line);
    if (options.exit) return;
    for (const line of howToGoOn(server, batchId, options.dataDir === null, screen)) screen.print(line);
    stage.keepUp((text) => screen.print(text));
    if (!ending.signal.aborted) await once(ending.signal, 'abort');
    if (ending.signal.reason !== interruption) throw ending.signal.reason;
    screen.print(options.distributed ? '\nStopping all of it.' : '\nStopping the server.');
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    await stage.close();
  }
}

async function setUp(
  screen: Screen,
  stage: DemoStage,
  asked: readonly AskedLine[],
  isDistributed: boolean,
): Promise<DemoServer | DemoDeployment> {
  const { bold } = screen.colors;
  screen.print(`${bold('Millrace demo')}: a batch of ${asked.length} chat requests, from upload to results\n`);
  const show = (rows: readonly (readonly [string, string])[]) => {
    for (const line of pairs(rows, screen)) screen.print(line);
  };
  if (isDistributed) screen.print('Starting MariaDB, Redis, a stand-in for S3, two api and two engine processes ...\n');
  const simUrl = await stage.startSim();
  const startedAt = performance.now();
  const server = await (isDistributed ? startDeployment(stage, simUrl) : stage.startServer(simUrl));
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  show([['model', `${simUrl} (simulated: no key, no cost)`]]);
  if (isDeployment(server)) {
    show([
      ['api', `${server.url} (all ready after ${seconds} s); the batch is made here`],
      ['api', `${server.otherUrl}; and followed and fetched here`],
      ...server.engines.map(({ url, pid }) => ['engine', `${url} (pid ${pid})`] as const),
      ['logs', stage.folder],
    ]);
  } else {
    show([
      ['server', `${server.url} (ready after ${seconds} s)`],
      ['log', server.logPath],
    ]);
  }
  show([['input', INPUT_NAME]]);
  return server;
}

function isDeployment(server: DemoServer | DemoDeployment): server is DemoDeployment {
  return 'engines' in server;
}

/** Resolves with the batch's id when its results are there and right. */
async function runBatch(
  screen: Screen,
  server: DemoServer | DemoDeployment,
  asked: AskedLine[],
  signal: AbortSignal,
): Promise<string> {
  const startedAt = performance.now();
  const started = await withClient(server.key, `${server.url}/v1`, (client) => startBatch(client, INPUT, signal));
  // Whichever process is asked, the answer is the same.
  const url = isDeployment(server) ? server.otherUrl : server.url;
  return withClient(server.key, `${url}/v1`, async (client) => {
    for (const line of pairs([['batch', started.id]], screen)) screen.print(`${line}\n`);
    const progress = showProgress(screen, asked.length);
    const batch = await followBatch(client, started, progress.show, signal).finally(progress.stop);
    const seconds = (performance.now() - startedAt) / 1_000;
    const files = await fetchResults(client, batch, signal);
    const [answers, failures] = [readResultLines(files.output), readResultLines(files.errors)];

    screen.print(`\n  ${summary(answers.length, failures.length, seconds)}\n`);
    for (const line of samples(asked, answers, failures, screen)) screen.print(line);
    const checked = checkResults(asked, answers, failures);
    screen.print('');
    for (const line of verdict(asked, checked, screen)) screen.print(line);
    if (!isAllWell(checked))
      throw new CliError(
        'The results are not what they should be. With --data-dir the log and the data are kept for a look.',
      );
    return batch.id;
  });
}
