/** Gathers what others must be told after a write, item by item, and hands each caller the part that is its own. */
import type { Aftermath } from './single-shapes.js';

/** What one task's change brings with it. */
export interface Sequel {
  endedId?: string | null;
  doneBatchSeq?: number | null;
  readyLaneSeq?: number;
  abortedSeq?: number | null;
  hasCallback?: boolean;
}

export function aftermathOf(sequels: readonly Sequel[]): Aftermath {
  const distinct = (pick: (sequel: Sequel) => number | null | undefined): number[] => [
    ...new Set(sequels.map(pick).filter((seq) => seq !== null && seq !== undefined)),
  ];
  return {
    endedIds: sequels.map(({ endedId }) => endedId).filter((id) => id !== null && id !== undefined),
    doneBatchSeqs: distinct(({ doneBatchSeq }) => doneBatchSeq),
    readyLaneSeqs: distinct(({ readyLaneSeq }) => readyLaneSeq),
    abortedSeqs: distinct(({ abortedSeq }) => abortedSeq),
    hasCallbacks: sequels.some(({ hasCallback }) => hasCallback === true),
  };
}

/** The sequel of a task that has ended. `isAborted`: a dispatcher runs it and must be told. */
export function endSequel(
  task: {
    seq: number;
    id: string | null;
    laneSeq: number;
    batchSeq: number | null;
    hasCallback: number;
    holdsRoom?: number;
  },
  end: { isBatchDone: boolean },
  isAborted = false,
): Sequel {
  return {
    endedId: task.id,
    doneBatchSeq: end.isBatchDone ? task.batchSeq : null,
    ...(task.holdsRoom === 1 ? { readyLaneSeq: task.laneSeq } : {}),
    abortedSeq: isAborted ? task.seq : null,
    hasCallback: task.hasCallback === 1,
  };
}

/** One result for each item of each call, given in one row, dealt out to the calls. */
export function dealOut<T>(calls: readonly { length: number }[], results: readonly T[]): T[][] {
  let from = 0;
  return calls.map(({ length }) => results.slice(from, (from += length)));
}
