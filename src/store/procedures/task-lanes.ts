/** The lanes of tasks that are known by their public ids, which never change. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { TaskKey } from './single-shapes.js';

const LANES = statement<{ ids: string }, { laneSeq: number }>('task-lanes');
const LINE_LANES = statement<{ keys: string }, { laneSeq: number }>('task-line-lanes');

/** Of all that several calls speak of, each once. */
export async function lanesOfClaims(tx: Tx, calls: readonly (readonly { key: TaskKey }[])[]): Promise<number[]> {
  const keys = calls.flatMap((claims) => claims.map(({ key }) => key));
  const ids = keys.flatMap((key) => ('id' in key ? [key.id] : []));
  const lines = keys.flatMap((key) => ('id' in key ? [] : [[key.batchId, key.line]]));
  const found = [
    ...(ids.length > 0 ? await tx.all(LANES, { ids: JSON.stringify(ids) }) : []),
    ...(lines.length > 0 ? await tx.all(LINE_LANES, { keys: JSON.stringify(lines) }) : []),
  ];
  return found.map(({ laneSeq }) => laneSeq);
}
