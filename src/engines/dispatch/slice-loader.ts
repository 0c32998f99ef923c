/**
 * Reads what the calls of a slice need, once for all its tasks and as soon as they are leased, so that a task whose permit
 * comes waits for nothing.
 */
import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { BlobStore } from '../../ports/blob-store.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import { BatchSources, type BatchSource } from './batch-sources.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { readBodies, streamBody } from './slice-bodies.js';
import { UpstreamFailure } from './upstream-answer.js';

/** What was read for the tasks of one batch in a slice; a body that is large is null and streamed when its turn comes. */
export interface SliceInput {
  source: BatchSource;
  bodies: (Buffer | null)[];
}

/** A leased task and where its body will be. */
export interface LoadedTask {
  task: LeasedTask;
  /** Resolves to a failure when the input cannot be read; never rejects. */
  input: Promise<SliceInput | UpstreamFailure>;
  /** Its place in the bodies of the input. */
  place: number;
}

@Injectable()
export class SliceLoader {
  constructor(
    private readonly sources: BatchSources,
    private readonly blobs: BlobStore,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  load(slice: readonly LeasedTask[]): LoadedTask[] {
    return [...groupByBatch(slice)].flatMap(([batchSeq, tasks]) => {
      const input = this.read(batchSeq, tasks).catch((error: unknown) => this.unreadable(error));
      return tasks.map((task, place) => ({ task, input, place }));
    });
  }

  stream(source: BatchSource, task: LeasedTask): Promise<Readable> {
    return streamBody(this.blobs, source.blobKey, task).catch((error: unknown) => {
      throw this.unreadable(error);
    });
  }

  private async read(batchSeq: number, tasks: readonly LeasedTask[]): Promise<SliceInput> {
    const source = await this.sources.of(batchSeq);
    return { source, bodies: await readBodies(this.blobs, source.blobKey, tasks) };
  }

  private unreadable(error: unknown): UpstreamFailure {
    this.telemetry.failed(error, 'the input of a batch could not be read');
    return new UpstreamFailure('no_body', 'The input file could not be read.', error);
  }
}

function groupByBatch(slice: readonly LeasedTask[]): Map<number, LeasedTask[]> {
  const groups = new Map<number, LeasedTask[]>();
  for (const task of slice) {
    const group = groups.get(task.batchSeq!);
    if (group) group.push(task);
    else groups.set(task.batchSeq!, [task]);
  }
  return groups;
}
