/** The log of attempts that failed or lost their lease. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { AttemptNote } from './task-shapes.js';

const ATTEMPT = statement<{
  seq: number;
  epoch: number;
  outcome: string;
  startedAt: number | null;
  now: number;
  statusCode: number | null;
  detail: string | null;
}>('attempt-insert');

/** Before the lease is given up, so that the row still says who held it; a lost lease leaves no note. */
export async function noteAttempts(
  tx: Tx,
  attempts: readonly { seq: number; epoch: number; note: AttemptNote }[],
): Promise<void> {
  await tx.each(
    ATTEMPT,
    attempts.map(({ seq, epoch, note }) => ({
      seq,
      epoch,
      outcome: note.outcome,
      startedAt: note.startedAt,
      now: tx.now,
      statusCode: note.statusCode,
      detail: note.detail,
    })),
  );
}
