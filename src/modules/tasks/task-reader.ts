/** Tasks as their owners and workers see them, made of what is stored. */
import { Injectable } from '@nestjs/common';
import { ByteGate, LARGE_BYTES, UNHELD, type Hold } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import { lineTaskId, parseLineTaskId } from '../../kernel/ids.js';
import { TASK_STATES } from '../../kernel/task-state.js';
import type { TaskKey } from '../../store/procedures/single-shapes.js';
import { SingleTaskStore, type StoredTask } from '../../store/single-task.store.js';
import { LineBodies, type LinePlace } from './line-bodies.js';
import { ANSWER_LOST, LostText, sizeOfKept, Spill } from './spill.js';
import type { TaskDetails, TaskEnd, TaskResult, TaskSummary } from './task-requests.js';

/** Tasks are read in pages of this many. */
const PAGE = 500;
/** Of so many when they are read whole, which may be all that is told of them. */
const WHOLE_PAGE = 100;
const MIB = 1024 * 1024;
/** One answer holds bodies and results of so many bytes together, or of one task. */
export const ANSWER_BYTES = 32 * MIB;
/** Read at a time for what is no answer; with what becomes of them, several times as much memory. */
const READ_BYTES = 64 * MIB;

/** Where a body is kept: in its row, in a blob, or in the input file of its batch. */
type BodyPlace = Pick<StoredTask, 'seq' | 'batchSeq' | 'bodyOffset' | 'bodyLength' | 'body' | 'bodyBlobKey'>;

/** What one answer can hold of the tasks that were asked for. */
export interface ReadTasks {
  details: TaskDetails[];
  /** Whether it has no room for all of them: they are the first ones. */
  isCut: boolean;
}

@Injectable()
export class TaskReader {
  private readonly gate = new ByteGate(READ_BYTES);

  constructor(
    private readonly store: SingleTaskStore,
    private readonly spill: Spill,
    private readonly lineBodies: LineBodies,
  ) {}

  /** By their rows, in that order; those that are unknown or of another tenant are left out. Null: of any tenant. */
  async stored(seqs: readonly number[], tenantSeq: number | null, isWhole: boolean): Promise<StoredTask[]> {
    const bySeq = new Map<number, StoredTask>();
    for (let from = 0; from < seqs.length; from += PAGE) {
      const page = await this.store.bySeqs(seqs.slice(from, from + PAGE), tenantSeq, isWhole);
      for (const task of page) bySeq.set(task.seq, task);
    }
    return seqs.flatMap((seq) => bySeq.get(seq) ?? []);
  }

  /** By their public ids, in that order; null for those that are unknown or of another tenant. */
  async storedByIds(
    ids: readonly string[],
    tenantSeq: number | null,
    isWhole: boolean,
  ): Promise<(StoredTask | null)[]> {
    return this.inPlaces(await this.seqsOf(ids), tenantSeq, isWhole);
  }

  /** The rows of public ids, in that order; null for those that are unknown. */
  seqsOf(ids: readonly string[]): Promise<(number | null)[]> {
    return this.store.seqsOf(ids.map(keyOf));
  }

  /** As `storedByIds`, of any tenant; where all rows are known nothing has to be looked for. */
  async storedOf(
    tasks: readonly { id: string; seq: number | null }[],
    isWhole: boolean,
  ): Promise<(StoredTask | null)[]> {
    if (tasks.every(({ seq }) => seq !== null)) {
      return this.inPlaces(
        tasks.map(({ seq }) => seq),
        null,
        isWhole,
      );
    }
    return this.storedByIds(
      tasks.map(({ id }) => id),
      null,
      isWhole,
    );
  }

  private async inPlaces(
    seqs: readonly (number | null)[],
    tenantSeq: number | null,
    isWhole: boolean,
  ): Promise<(StoredTask | null)[]> {
    const found = await this.stored(
      seqs.filter((seq) => seq !== null),
      tenantSeq,
      isWhole,
    );
    const bySeq = new Map(found.map((task) => [task.seq, task]));
    return seqs.map((seq) => (seq === null ? null : (bySeq.get(seq) ?? null)));
  }

  /**
   * The bodies of tasks as JSON texts, by `seq`; an error where one cannot be read, nothing where it is not kept. `hold`: where
   * they are for an answer.
   */
  async bodiesOf(tasks: readonly BodyPlace[], hold: Hold | null = null): Promise<Map<number, string | Error>> {
    const bytes = bytesOf(tasks.map(sizeOfBody));
    if (hold === null) return this.gate.run(bytes, () => this.readBodies(tasks));
    await hold(bytes, bytesOf(tasks.map(({ body }) => body?.length ?? 0)));
    return this.readBodies(tasks);
  }

  private async readBodies(tasks: readonly BodyPlace[]): Promise<Map<number, string | Error>> {
    const bodies = await this.lineBodies.read(tasks.filter(isLine));
    for (const { seq, body, bodyBlobKey } of tasks) {
      if (body !== null) bodies.set(seq, body);
      if (bodyBlobKey === null) continue;
      const text = await this.spill.read({ body: null, blobKey: bodyBlobKey }).catch((error: Error) => error);
      if (text !== null) bodies.set(seq, text);
    }
    return bodies;
  }

  /** How many of these tasks, from the first on, one answer can hold with their bodies; at least one. */
  countThatFits(tasks: readonly BodyPlace[]): number {
    return countOf(tasks.map(sizeOfBody), ANSWER_BYTES);
  }

  /**
   * With body and result, by their rows and in that order; those that are unknown or of another tenant are left out. Room is
   * asked for once: who held some of it and waited for more could wait for others who do the same.
   */
  async detailsOf(seqs: readonly number[], tenantSeq: number | null, hold: Hold = UNHELD): Promise<ReadTasks> {
    const details: TaskDetails[] = [];
    let room = ANSWER_BYTES;
    let isHeld = false;
    for (let from = 0; from < seqs.length; from += WHOLE_PAGE) {
      const tasks = await this.stored(seqs.slice(from, from + WHOLE_PAGE), tenantSeq, true);
      const sizes = tasks.map((task) => sizeOfBody(task) + sizeOfResult(task));
      const count = details.length > 0 && sizes[0]! > room ? 0 : countOf(sizes, room);
      room -= bytesOf(sizes.slice(0, count));
      const bytes = ANSWER_BYTES - room;
      if (!isHeld && bytes >= LARGE_BYTES) {
        const isLast = count < tasks.length || from + WHOLE_PAGE >= seqs.length;
        await hold(isLast ? bytes : Math.max(bytes, ANSWER_BYTES), bytesOf(tasks.map(inRowOf)));
        isHeld = true;
      }
      details.push(...(await this.read(tasks.slice(0, count))));
      if (count < tasks.length) return { details, isCut: true };
    }
    return { details, isCut: false };
  }

  private async read(tasks: readonly StoredTask[]): Promise<TaskDetails[]> {
    const details: TaskDetails[] = [];
    const bodies = await this.readBodies(tasks);
    for (const task of tasks) {
      const body = bodies.get(task.seq) ?? null;
      const result = await this.resultOf(task);
      details.push(Object.assign(summaryOf(task), { body: body instanceof Error ? null : body, result }));
    }
    return details;
  }

  /** Of a task that has ended and was read whole. */
  async endOf(task: StoredTask): Promise<TaskEnd> {
    return { state: TASK_STATES[task.state]!, result: await this.resultOf(task) };
  }

  async resultOf(task: StoredTask): Promise<TaskResult | null> {
    if (task.resultSeq === null) return null;
    const { statusCode, requestId, errorCode, errorMessage } = task;
    try {
      const body = await this.spill.read({ body: task.resultBody, blobKey: task.resultBlobKey });
      return { statusCode, requestId, body, errorCode, errorMessage };
    } catch (error) {
      if (!(error instanceof LostText)) throw error;
      return { requestId, ...ANSWER_LOST };
    }
  }
}

function isLine(task: BodyPlace): task is BodyPlace & LinePlace {
  return task.batchSeq !== null;
}

/** Whether what came of it is read only when there is room for it. */
export function hasLargeResult(task: Pick<StoredTask, 'resultBody' | 'resultBlobKey'>): boolean {
  return sizeOfResult(task) >= LARGE_BYTES;
}

function sizeOfBody({ bodyLength, body, bodyBlobKey }: BodyPlace): number {
  return bodyLength ?? sizeOfKept({ body, blobKey: bodyBlobKey });
}

function sizeOfResult({ resultBody, resultBlobKey }: Pick<StoredTask, 'resultBody' | 'resultBlobKey'>): number {
  return sizeOfKept({ body: resultBody, blobKey: resultBlobKey });
}

function inRowOf({ body, resultBody }: StoredTask): number {
  return (body?.length ?? 0) + (resultBody?.length ?? 0);
}

function bytesOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** How many of these, from the first on, fit; at least one. */
function countOf(sizes: readonly number[], room: number): number {
  let bytes = 0;
  const end = sizes.findIndex((size, index) => (bytes += size) > room && index > 0);
  return end === -1 ? sizes.length : end;
}

/** A public id taken apart; an id of no known shape is simply that of no task. */
export function keyOf(id: string): TaskKey {
  return parseLineTaskId(id) ?? { id };
}

export function idOf({ id, batchId, line }: Pick<StoredTask, 'id' | 'batchId' | 'line'>): string {
  return id ?? lineTaskId(batchId!, line!);
}

export function summaryOf(task: StoredTask): TaskSummary {
  const { seq, batchId, line, customId, queueName, level, type, endpoint, keyId, callbackUrl } = task;
  const { tries, losses, enqueuedAt, availableAt, expiresAt, leasedAt, leaseUntil, endedAt, statusCode } = task;
  return {
    seq,
    id: idOf(task),
    batchId,
    line,
    customId,
    queueName,
    level,
    type,
    endpoint,
    keyId,
    callbackUrl,
    tries,
    losses,
    enqueuedAt,
    availableAt,
    expiresAt,
    leasedAt,
    leaseUntil,
    endedAt,
    statusCode,
    mode: task.mode as TaskSummary['mode'],
    state: TASK_STATES[task.state]!,
    traceId: task.traceId,
  };
}

export function noSuchTask(id: string): MillraceError {
  return new MillraceError('not_found', `No task found with id '${id}'.`);
}
