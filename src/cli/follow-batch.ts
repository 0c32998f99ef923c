/** A batch on its way, watched from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { counted, showCount, showSpan } from './figures.js';
import { showProgress } from './progress.js';
import { patiently, type ApiClient } from './server/api-client.js';
import type { WireBatch } from './server/wire.js';
import type { Screen } from './terminal.js';
import { WaitNotes } from './wait-notes.js';

const POLL_PAUSE_MS = 500;
const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'expired', 'cancelled']);

export function hasEnded({ status }: WireBatch): boolean {
  return ENDED.has(status);
}

export interface FollowOptions {
  screen: Screen;
  /** How many lines the batch will have, where that is known before the server has counted them. */
  lines?: number;
  signal: AbortSignal;
}

/** A batch as it ended, with all that it has waited for meanwhile. */
export type FollowedBatch = WireBatch & { waited_because: string[] };

/**
 * Draws the progress until the batch has ended, and returns it as it is then. Says why it does not move, if it does not. Bears with a server that is away for some
 * minutes; rejects with the reason of `signal`.
 */
export async function followBatch(client: ApiClient, id: string, options: FollowOptions): Promise<FollowedBatch> {
  const { screen, lines, signal } = options;
  const look = () => client.get<WireBatch>(`/v1/batches/${encodeURIComponent(id)}`, signal);
  let print = screen.print;
  const warn = (line: string) => print(screen.colors.yellow(line));
  const onSilence = () => warn('  The server does not answer; trying again.');
  const waits = new WaitNotes(client, warn);
  let batch = await patiently(look, { signal, onSilence });
  const totalOf = ({ request_counts: { total } }: WireBatch) => total || lines || 0;
  while (totalOf(batch) === 0 && !hasEnded(batch)) batch = await next(); // not counted yet, so there is no bar to draw
  const progress = showProgress(screen, totalOf(batch));
  print = progress.note;
  try {
    progress.show(batch.request_counts);
    while (!hasEnded(batch)) {
      batch = await next();
      progress.show(batch.request_counts);
      await waits.look(batch, signal);
    }
    return { ...batch, waited_because: waits.reasons };
  } finally {
    progress.stop();
  }

  async function next(): Promise<WireBatch> {
    await sleep(POLL_PAUSE_MS, undefined, { signal });
    return patiently(look, { signal, onSilence });
  }
}

/** One line on how a batch ended: `1,000 lines in 12 s: 990 completed, 10 failed; 51,000 tokens`. */
export function outcomeOf(batch: WireBatch): string {
  const { total, completed, failed } = batch.request_counts;
  const spanMs = ((batch.completed_at ?? Date.now() / 1000) - batch.created_at) * 1000;
  const time = batch.completed_at === null ? '' : ` in ${showSpan(spanMs)}`;
  const unrun = total - completed - failed;
  const notRun = unrun > 0 ? `, ${showCount(unrun)} not run` : '';
  const figures = `${showCount(completed)} completed, ${showCount(failed)} failed${notRun}`;
  return `${counted(total, 'line')}${time}: ${figures}; ${counted(batch.usage.total_tokens, 'token')}`;
}

const FAULTS_SHOWN = 20;

/** What was wrong with the input, line by line; empty when nothing was. */
export function faultLines({ errors }: WireBatch): string[] {
  const faults = errors?.data ?? [];
  const shown = faults
    .slice(0, FAULTS_SHOWN)
    .map(({ line, message }) => `  ${line === null ? '' : `line ${line}: `}${message}`);
  return faults.length > FAULTS_SHOWN ? [...shown, `  and ${faults.length - FAULTS_SHOWN} more`] : shown;
}
