/** How leased tasks go back to their places. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAttempts } from './attempts.js';
import type { ReturnedTask } from './task-shapes.js';

const RETURN = statement<{
  seq: number;
  epoch: number;
  state: number;
  availableAt: number | null;
  tried: number;
  lost: number;
}>('task-return');

/** False for those whose lease was lost meanwhile; such a one leaves no note either. */
export async function recordReturns(tx: Tx, tasks: readonly ReturnedTask[]): Promise<boolean[]> {
  await noteAttempts(
    tx,
    tasks.flatMap(({ seq, epoch, attempt }) => (attempt === null ? [] : [{ seq, epoch, note: attempt }])),
  );
  const changes = await tx.each(
    RETURN,
    tasks.map((task) => ({
      seq: task.seq,
      epoch: task.epoch,
      state: task.availableAt === null ? TASK_STATE_CODE.ready : TASK_STATE_CODE.scheduled,
      availableAt: task.availableAt,
      tried: task.isTry ? 1 : 0,
      lost: task.isLoss ? 1 : 0,
    })),
  );
  return changes.map((changed) => changed === 1);
}
