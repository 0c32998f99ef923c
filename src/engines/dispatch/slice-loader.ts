/**
 * Reads what the calls of a slice need, once for all its tasks and as soon as they are leased, so that a task whose permit
 * comes waits for nothing.
 */
import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isOutage } from '../../kernel/errors.js';
import { BlobStore } from '../../ports/blob-store.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import { SingleTaskStore, type StoredTask } from '../../store/single-task.store.js';
import { BatchSources, type BatchSource } from './batch-sources.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import type { EarlyCall } from './early-call.js';
import type { SingleTask } from './single-task.js';
import { readBodies, streamBody } from './slice-bodies.js';
import { UpstreamFailure } from './upstream-answer.js';

/** What was read for lines of one batch in a slice, or for its single tasks; a body that is large is null, and streamed. */
export interface SliceInput {
  /** Null for single tasks. */
  source: BatchSource | null;
  /** Null for the lines of a batch. */
  singles: readonly SingleTask[] | null;
  bodies: (Buffer | null)[];
}

/** A leased task and where its body will be. */
export interface LoadedTask {
  task: LeasedTask;
  /** Resolves to a failure when the input cannot be read; never rejects. */
  input: Promise<SliceInput | UpstreamFailure>;
  /** Its place in the bodies of the input. */
  place: number;
  /** Its call, where it is under way. */
  early: EarlyCall | null;
}

export interface LargeBody {
  stream: Readable;
  length: number;
}

@Injectable()
export class SliceLoader {
  constructor(
    private readonly sources: BatchSources,
    private readonly blobs: BlobStore,
    private readonly singleTasks: SingleTaskStore,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  load(slice: readonly LeasedTask[]): LoadedTask[] {
    return [...groupByBatch(slice)].flatMap(([batchSeq, tasks]) => {
      const reading = batchSeq === null ? this.readSingles(tasks) : this.readLines(batchSeq, tasks);
      const input = reading.catch((error: unknown) => this.unreadable(error));
      return tasks.map((task, place) => ({ task, input, place, early: null }));
    });
  }

  /** A single task of which everything is known already. */
  known(task: LeasedTask, single: SingleTask, body: string | null, early: EarlyCall | null): LoadedTask {
    const input = { source: null, singles: [single], bodies: [body === null || early ? null : Buffer.from(body)] };
    // What an early call has brought must not be told in the turn in which its caller hears that the task is stored.
    return { task, input: early ? nextTurn(input) : Promise.resolve(input), place: 0, early };
  }

  /** A body that was too large to be read with its slice. */
  async stream({ source, singles }: SliceInput, place: number, task: LeasedTask): Promise<LargeBody> {
    try {
      if (source) return { stream: await streamBody(this.blobs, source.blobKey, task), length: task.bodyLength! };
      const key = singles![place]!.bodyBlobKey!;
      const stat = await this.blobs.stat(key);
      return { stream: await this.blobs.read(key), length: stat?.bytes ?? 0 };
    } catch (error) {
      throw this.unreadable(error);
    }
  }

  private async readLines(batchSeq: number, tasks: readonly LeasedTask[]): Promise<SliceInput> {
    const source = await this.sources.of(batchSeq);
    return { source, singles: null, bodies: await readBodies(this.blobs, source.blobKey, tasks) };
  }

  private async readSingles(tasks: readonly LeasedTask[]): Promise<SliceInput> {
    const seqs = tasks.map(({ seq }) => seq);
    const bySeq = new Map((await this.singleTasks.bySeqs(seqs, null, true)).map((task) => [task.seq, task]));
    const singles = seqs.map((seq) => bySeq.get(seq));
    if (!singles.every(isSingle)) throw new Error(`not all of the tasks ${seqs.join(', ')} are there any more`);
    return { source: null, singles, bodies: singles.map(({ body }) => (body === null ? null : Buffer.from(body))) };
  }

  private unreadable(error: unknown): UpstreamFailure {
    this.telemetry.failed(error, 'the input of a task could not be read');
    if (isOutage(error)) return new UpstreamFailure('no_storage', 'The input of the task cannot be reached.', error);
    return new UpstreamFailure('no_body', 'The input of the task could not be read.', error);
  }
}

function isSingle(task: StoredTask | undefined): task is StoredTask & { id: string } {
  return task !== undefined && task.id !== null;
}

function groupByBatch(slice: readonly LeasedTask[]): Map<number | null, LeasedTask[]> {
  const groups = new Map<number | null, LeasedTask[]>();
  for (const task of slice) {
    const group = groups.get(task.batchSeq);
    if (group) group.push(task);
    else groups.set(task.batchSeq, [task]);
  }
  return groups;
}
