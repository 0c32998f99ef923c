/** A batch during which something is struck time and again, while clients put tasks. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatLine } from './chat-lines.js';
import type { Deployment } from './deployment.js';
import { DeploymentBatch } from './deployment-batch.js';
import type { PutLoad } from './put-load.js';

/** Between two faults, so that something is done in between. */
const PAUSE_MS = 300;

export interface StruckOptions {
  lines: readonly ChatLine[];
  /** One after the other, each over when it resolves. */
  strikes: readonly (() => Promise<unknown>)[];
  /** How often a process may have lost its leases. */
  faults: number;
}

/** Ends the processes. Returns what is wrong, in words; throws when the batch had ended before the last fault. */
export async function strikeBatch(
  deployment: Deployment,
  load: PutLoad,
  { lines, strikes, faults }: StruckOptions,
): Promise<string[]> {
  const run = await DeploymentBatch.submit(deployment, lines);
  await run.reached(lines.length / 20);
  load.start();
  let midway = 0;
  for (const strike of strikes) {
    await run.until(() => true);
    if (run.batch.status === 'in_progress') midway += 1;
    await strike();
    await delay(PAUSE_MS);
  }
  await run.until();
  await load.stop();
  const problems = await load.problems();
  const missed = strikes.length - midway;
  const report = await run.finish(faults, () => ({ 'each fault in the middle of the work': missed === 0 ? 1 : 0 }));
  if (run.batch.request_counts!.completed !== lines.length) problems.push(`it ended so: ${JSON.stringify(run.batch)}`);
  const { extraCalls, inFlightAtKills } = report;
  process.stdout.write(`${JSON.stringify({ puts: load.answers, looks: run.answers, extraCalls, inFlightAtKills })}\n`);
  return [...problems, ...report.problems];
}
