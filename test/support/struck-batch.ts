/** A batch during which something is struck time and again, while clients put tasks. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatLine } from './chat-lines.js';
import type { Deployment } from './deployment.js';
import { DeploymentBatch } from './deployment-batch.js';
import { PutLoad } from './put-load.js';

/** Between two faults, so that something is done in between. */
const PAUSE_MS = 300;

export interface StruckOptions {
  lines: readonly ChatLine[];
  /** One after the other, each over when it resolves. */
  strikes: readonly (() => Promise<unknown>)[];
  /** How often a process may have lost its leases. */
  faults: number;
}

export interface StruckReport {
  /** What is wrong, in words; one is that the batch had ended before the last fault. */
  problems: string[];
  /** What the clients were answered, with how often. */
  puts: Readonly<Record<string, number>>;
}

export async function strikeBatch(
  deployment: Deployment,
  { lines, strikes, faults }: StruckOptions,
): Promise<StruckReport> {
  const load = new PutLoad(deployment.apis[0]!);
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
  const report = await run.judge(faults, () => ({ 'each fault in the middle of the work': missed === 0 ? 1 : 0 }));
  if (run.batch.request_counts!.completed !== lines.length) problems.push(`it ended so: ${JSON.stringify(run.batch)}`);
  const { extraCalls, inFlightAtKills } = report;
  process.stdout.write(`${JSON.stringify({ puts: load.answers, looks: run.answers, extraCalls, inFlightAtKills })}\n`);
  return { problems: [...problems, ...report.problems], puts: load.answers };
}
