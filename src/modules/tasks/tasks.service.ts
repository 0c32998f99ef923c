/** Tasks as their submitters know them: put, looked at, cancelled. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { TASK_STATE_CODE, TASK_STATES, type TaskState } from '../../kernel/task-state.js';
import { BatchStore } from '../../store/batch.store.js';
import type { NewTask, PutOutcome } from '../../store/procedures/single-shapes.js';
import { SingleTaskStore, type StoredTask, type TaskFilter } from '../../store/single-task.store.js';
import { Spill } from './spill.js';
import { TaskNotices } from './task-notices.js';
import { TaskRouting } from './task-routing.js';
import { keyOf, summaryOf, TaskReader } from './task-reader.js';
import type {
  AttemptView,
  CancelOutcome,
  NumberedEvent,
  PutReceipt,
  PutRequest,
  TaskDetails,
  TaskPage,
  TaskQuery,
} from './task-requests.js';

@Injectable()
export class TasksService {
  constructor(
    private readonly store: SingleTaskStore,
    private readonly batches: BatchStore,
    private readonly routing: TaskRouting,
    private readonly spill: Spill,
    private readonly reader: TaskReader,
    private readonly notices: TaskNotices,
    private readonly clock: Clock,
  ) {}

  /**
   * Stores a task; durable when it resolves. Refuses with `queue_not_found`, `no_route`, `no_handler`,
   * `queue_full` or `idempotency_key_reused`. `id`: its id, for whoever waits for it from before it exists.
   */
  async put(request: PutRequest, id = newId('task')): Promise<PutReceipt> {
    const task = await this.toTask(request, id);
    const [outcome] = await this.store.put([task]);
    this.announce([task], [outcome!]);
    return receiptOf(outcome!);
  }

  /** Stores many in one transaction; each is answered by itself, in its place. */
  async putMany(requests: readonly PutRequest[]): Promise<(PutReceipt | MillraceError)[]> {
    const made = await Promise.all(requests.map((request) => this.toTask(request, newId('task')).catch(asRefusal)));
    const tasks = made.filter((task): task is NewTask => !(task instanceof MillraceError));
    const outcomes = await this.store.put(tasks);
    this.announce(tasks, outcomes);
    let next = 0;
    return made.map((task) => {
      if (task instanceof MillraceError) return task;
      const outcome = outcomes[(next += 1) - 1]!;
      return outcome.kind === 'refused' ? MillraceError.fromPlain(outcome.error) : receiptOf(outcome);
    });
  }

  /** Refuses with `not_found`. */
  async get(tenantSeq: number, id: string): Promise<TaskDetails> {
    const [task] = await this.getMany(tenantSeq, [id]);
    if (!task) throw noSuchTask(id);
    return task;
  }

  /** In the order of the ids; null for those that are unknown or of another tenant. */
  async getMany(tenantSeq: number, ids: readonly string[]): Promise<(TaskDetails | null)[]> {
    const stored = await this.reader.storedByIds(ids, tenantSeq, true);
    const details = await this.reader.detailsOf(stored.filter((task) => task !== null));
    const bySeq = new Map(details.map((task) => [task.seq, task]));
    return stored.map((task) => (task === null ? null : bySeq.get(task.seq)!));
  }

  /** Single tasks newest first, or the lines of a batch last first. */
  async list(query: TaskQuery): Promise<TaskPage> {
    const { tenantSeq, queueName, batchId, state, since, before, afterSeq, limit } = query;
    const queueSeq = queueName === null ? null : this.routing.queueNamed(tenantSeq, queueName).seq;
    const filter: TaskFilter = { queueSeq, since, before, state: state === null ? null : TASK_STATE_CODE[state] };
    const seqs =
      batchId === null
        ? await this.store.page(tenantSeq, filter, afterSeq, limit + 1)
        : await this.store.linePage(await this.batchSeq(tenantSeq, batchId), filter, afterSeq, limit + 1);
    const tasks = await this.reader.stored(seqs.slice(0, limit), tenantSeq, false);
    return { tasks: tasks.map(summaryOf), hasMore: seqs.length > limit };
  }

  /** `by`: who asks, for the audit log; null when the server does it for a caller who went away. */
  async cancel(tenantSeq: number, id: string, by: string | null): Promise<CancelOutcome> {
    const { outcomes, aftermath } = await this.store.cancel([{ key: keyOf(id), tenantSeq, by }]);
    this.notices.after(aftermath);
    return outcomes[0]!;
  }

  /** What a task has said after event number `after`, in order; a page of it when it is much. */
  async events(tenantSeq: number, id: string, after: number): Promise<NumberedEvent[]> {
    const rows = await this.store.events(await this.seqOf(tenantSeq, id), after);
    return rows.flatMap(numbered).filter(({ n }) => n > after);
  }

  /** Attempts that failed or lost their lease, oldest first. */
  async attempts(tenantSeq: number, id: string): Promise<AttemptView[]> {
    const attempts = await this.store.attempts([await this.seqOf(tenantSeq, id)]);
    return attempts.map(({ taskSeq: _, ...attempt }) => attempt);
  }

  /** The row of a task of this tenant; refuses with `not_found`. */
  async seqOf(tenantSeq: number, id: string): Promise<number> {
    return (await this.rowOf(tenantSeq, id)).seq;
  }

  /** Refuses with `not_found`. */
  async stateOf(tenantSeq: number, id: string): Promise<TaskState> {
    return TASK_STATES[(await this.rowOf(tenantSeq, id)).state]!;
  }

  private async rowOf(tenantSeq: number, id: string): Promise<StoredTask> {
    const [task] = await this.reader.storedByIds([id], tenantSeq, false);
    if (!task) throw noSuchTask(id);
    return task;
  }

  private async toTask(request: PutRequest, id: string): Promise<NewTask> {
    const { lane, type } = await this.routing.route(request);
    const now = this.clock.now();
    const availableAt = request.delayMs === null ? request.notBefore : now + request.delayMs;
    const { tenantSeq, keyId, mode, endpoint, traceId, callbackUrl, idempotencyKey: key } = request;
    return {
      id,
      tenantSeq,
      keyId,
      mode,
      type,
      endpoint,
      traceId,
      callbackUrl,
      availableAt,
      ttlMs: request.ttlMs + Math.max(0, (availableAt ?? now) - now),
      ...(await this.spill.keep(request.body)),
      queueSeq: lane.queue.seq,
      laneSeq: lane.seq,
      idempotency: key === null ? null : { key, requestHash: hashOf(request) },
    };
  }

  private async batchSeq(tenantSeq: number, id: string): Promise<number> {
    const batch = await this.batches.find(tenantSeq, id);
    if (!batch) throw new MillraceError('not_found', `No batch found with id '${id}'.`);
    return batch.seq;
  }

  private announce(tasks: readonly NewTask[], outcomes: readonly PutOutcome[]): void {
    const ready = new Map<number, number>();
    tasks.forEach(({ laneSeq }, index) => {
      const outcome = outcomes[index]!;
      if (outcome.kind === 'put' && outcome.isReady) ready.set(laneSeq, (ready.get(laneSeq) ?? 0) + 1);
    });
    for (const [laneSeq, count] of ready) this.notices.came(laneSeq, count);
  }
}

export function noSuchTask(id: string): MillraceError {
  return new MillraceError('not_found', `No task found with id '${id}'.`);
}

/** The events of one row, each with its number. */
export function numbered({ n, events }: { n: number; events: readonly Omit<NumberedEvent, 'n'>[] }): NumberedEvent[] {
  return events.map((event, index) => ({ ...event, n: n - events.length + 1 + index }));
}

function receiptOf(outcome: PutOutcome): PutReceipt {
  if (outcome.kind === 'refused') throw MillraceError.fromPlain(outcome.error);
  return { id: outcome.id, isReplay: outcome.kind === 'replay' };
}

function asRefusal(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  throw error;
}

/** Of all that says what is to be done; not of who says it when. */
function hashOf({ queueName, level, mode, type, endpoint, model, body, ttlMs, ...rest }: PutRequest): string {
  const { delayMs, notBefore, traceId, callbackUrl } = rest;
  const meaning = [
    queueName,
    level,
    mode,
    type,
    endpoint,
    model,
    body,
    ttlMs,
    delayMs,
    notBefore,
    traceId,
    callbackUrl,
  ];
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex');
}
