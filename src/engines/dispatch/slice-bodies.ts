/**
 * Reads the bodies of a slice. Neighbours in the file are read together, front to back, in a few large ranges; a body that
 * is large by itself is streamed from the blob when its turn comes, so that memory stays flat.
 */
import type { Readable } from 'node:stream';
import type { BlobStore } from '../../ports/blob-store.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';

/** One range holds at most this, whatever the number of lines. */
const MAX_RANGE_BYTES = 256 * 1024;
/** Bytes between two bodies that are cheaper read along than skipped: the rest of a line. */
const MAX_GAP_BYTES = 4096;
/** From this size a body is streamed. */
const STREAM_FROM_BYTES = 64 * 1024;

interface Range {
  start: number;
  end: number;
  tasks: LeasedTask[];
}

/** The body of each task, in their order; null for those that are to be streamed with `streamBody`. */
export async function readBodies(
  blobs: BlobStore,
  blobKey: string,
  tasks: readonly LeasedTask[],
): Promise<(Buffer | null)[]> {
  const bodies = new Map<LeasedTask, Buffer>();
  const small = tasks.filter((task) => task.bodyLength! < STREAM_FROM_BYTES);
  for (const { start, end, tasks: neighbours } of rangesOf(small)) {
    const bytes = await blobs.readRange(blobKey, start, end - start);
    if (bytes.length < end - start) throw new Error(`the blob ${blobKey} ends before ${end}`);
    for (const task of neighbours) {
      const from = task.bodyOffset! - start;
      bodies.set(task, bytes.subarray(from, from + task.bodyLength!));
    }
  }
  return tasks.map((task) => bodies.get(task) ?? null);
}

export function streamBody(blobs: BlobStore, blobKey: string, task: LeasedTask): Promise<Readable> {
  return blobs.read(blobKey, task.bodyOffset!, task.bodyOffset! + task.bodyLength!);
}

function rangesOf(tasks: readonly LeasedTask[]): Range[] {
  const ranges: Range[] = [];
  for (const task of tasks.toSorted((a, b) => a.bodyOffset! - b.bodyOffset!)) {
    const start = task.bodyOffset!;
    const end = start + task.bodyLength!;
    const last = ranges.at(-1);
    if (last && start - last.end <= MAX_GAP_BYTES && end - last.start <= MAX_RANGE_BYTES) {
      last.end = Math.max(last.end, end);
      last.tasks.push(task);
    } else {
      ranges.push({ start, end, tasks: [task] });
    }
  }
  return ranges;
}
