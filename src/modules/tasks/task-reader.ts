/** Tasks as their owners and workers see them, made of what is stored. */
import { Injectable } from '@nestjs/common';
import { MillraceError } from '../../kernel/errors.js';
import { lineTaskId, parseLineTaskId } from '../../kernel/ids.js';
import { TASK_STATES } from '../../kernel/task-state.js';
import type { TaskKey } from '../../store/procedures/single-shapes.js';
import { SingleTaskStore, type StoredTask } from '../../store/single-task.store.js';
import { LineBodies, type LinePlace } from './line-bodies.js';
import { ANSWER_LOST, LostText, Spill } from './spill.js';
import type { TaskDetails, TaskEnd, TaskResult, TaskSummary } from './task-requests.js';

/** Tasks are read in pages of this many. */
const PAGE = 500;

/** Where a body is kept: in its row, in a blob, or in the input file of its batch. */
type BodyPlace = Pick<StoredTask, 'seq' | 'batchSeq' | 'bodyOffset' | 'bodyLength' | 'body' | 'bodyBlobKey'>;

@Injectable()
export class TaskReader {
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
    return this.inPlaces(await this.store.seqsOf(ids.map(keyOf)), tenantSeq, isWhole);
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

  /** The bodies of tasks as JSON texts, by `seq`; an error where one cannot be read, nothing where it is not kept. */
  async bodiesOf(tasks: readonly BodyPlace[]): Promise<Map<number, string | Error>> {
    const bodies = await this.lineBodies.read(tasks.filter(isLine));
    for (const { seq, body, bodyBlobKey } of tasks) {
      if (body !== null) bodies.set(seq, body);
      if (bodyBlobKey === null) continue;
      const text = await this.spill.read({ body: null, blobKey: bodyBlobKey }).catch((error: Error) => error);
      if (text !== null) bodies.set(seq, text);
    }
    return bodies;
  }

  /** With body and result; the tasks must have been read whole. */
  async detailsOf(tasks: readonly StoredTask[]): Promise<TaskDetails[]> {
    const bodies = await this.bodiesOf(tasks);
    return Promise.all(
      tasks.map(async (task) => {
        const body = bodies.get(task.seq) ?? null;
        const result = await this.resultOf(task);
        return Object.assign(summaryOf(task), { body: body instanceof Error ? null : body, result });
      }),
    );
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
