/** Adds up what a transaction recorded for each batch and writes it once per batch. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { FinishedTask } from './task-shapes.js';

interface BatchDelta extends Record<string, number> {
  seq: number;
  completed: number;
  failed: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  totalTokens: number;
}

const ADD = statement<BatchDelta & { now: number }, { outcome: string | null }>('batch-progress');

export class BatchProgress {
  private readonly deltas = new Map<number, BatchDelta>();

  /** An answer with a status code of 400 or more is a failed line, as OpenAI counts. */
  add(batchSeq: number, task: FinishedTask): void {
    const delta = this.deltaOf(batchSeq);
    const isGood = task.state === 'completed' && task.statusCode !== null && task.statusCode < 400;
    delta[isGood ? 'completed' : 'failed'] += 1;
    if (!task.usage) return;
    delta.inputTokens += task.usage.inputTokens;
    delta.cachedTokens += task.usage.cachedTokens;
    delta.outputTokens += task.usage.outputTokens;
    delta.reasoningTokens += task.usage.reasoningTokens;
    delta.totalTokens += task.usage.totalTokens;
  }

  /** Returns the batches that have no line left to wait for; they are `finalizing` from now on. */
  async write(tx: Tx): Promise<Set<number>> {
    const done = new Set<number>();
    const deltas = [...this.deltas.values()].sort((a, b) => a.seq - b.seq);
    for (const delta of deltas) {
      const [row] = await tx.all(ADD, { ...delta, now: tx.now });
      // One that expired is finalizing too, and waits for no line.
      if (row?.outcome === 'completed') done.add(delta.seq);
    }
    return done;
  }

  private deltaOf(batchSeq: number): BatchDelta {
    let delta = this.deltas.get(batchSeq);
    if (!delta) {
      delta = {
        seq: batchSeq,
        completed: 0,
        failed: 0,
        inputTokens: 0,
        cachedTokens: 0,
        outputTokens: 0,
        reasoningTokens: 0,
        totalTokens: 0,
      };
      this.deltas.set(batchSeq, delta);
    }
    return delta;
  }
}
