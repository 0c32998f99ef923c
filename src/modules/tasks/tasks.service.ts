/** Tasks that are there, as their submitters know them: looked at, cancelled. */
import { Injectable } from '@nestjs/common';
import { UNHELD, type Hold } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import { TASK_STATE_CODE, TASK_STATES, type TaskState } from '../../kernel/task-state.js';
import { BatchStore } from '../../store/batch.store.js';
import { SingleTaskStore, type StoredTask } from '../../store/single-task.store.js';
import { eventsAfter, numbered } from './event-numbers.js';
import { TaskNotices } from './task-notices.js';
import { pageThrough } from './task-pages.js';
import { TaskRouting } from './task-routing.js';
import { ANSWER_BYTES, idOf, keyOf, noSuchTask, summaryOf, TaskReader } from './task-reader.js';
import type { AttemptView, CancelOutcome, NumberedEvent, TaskDetails, TaskPage, TaskQuery } from './task-requests.js';

/** A task that is given out again for ever may have any number of them. */
const MAX_ATTEMPTS = 1000;

@Injectable()
export class TasksService {
  constructor(
    private readonly store: SingleTaskStore,
    private readonly batches: BatchStore,
    private readonly routing: TaskRouting,
    private readonly reader: TaskReader,
    private readonly notices: TaskNotices,
  ) {}

  /** Refuses with `not_found`. */
  async get(tenantSeq: number, id: string, hold: Hold = UNHELD): Promise<TaskDetails> {
    const [task] = await this.getMany(tenantSeq, [id], hold);
    if (!task) throw noSuchTask(id);
    return task;
  }

  /**
   * In the order of the ids; null for those that are unknown or of another tenant. Refuses with `payload_too_large` when they
   * are more than one answer holds. `hold`: of that answer.
   */
  async getMany(tenantSeq: number, ids: readonly string[], hold: Hold = UNHELD): Promise<(TaskDetails | null)[]> {
    const seqs = await this.reader.seqsOf(ids);
    const known = seqs.filter((seq) => seq !== null);
    const { details, isCut } = await this.reader.detailsOf(known, tenantSeq, hold);
    if (isCut) throw new MillraceError('payload_too_large', tooLarge(details.length), { param: 'task_ids' });
    const bySeq = new Map(details.map((task) => [task.seq, task]));
    return seqs.map((seq) => (seq === null ? null : (bySeq.get(seq) ?? null)));
  }

  /** Single tasks newest first, or the lines of a batch last first. */
  async list(query: TaskQuery): Promise<TaskPage> {
    const { tenantSeq, queueName, batchId, state, since, before, afterSeq, limit } = query;
    const queueSeqs = queueName === null ? null : await this.routing.seqsNamed(tenantSeq, queueName);
    const filter = { queueSeqs, since, before, state: state === null ? null : TASK_STATE_CODE[state] };
    const batchSeq = batchId === null ? null : await this.batchSeq(tenantSeq, batchId);
    const { seqs, stoppedAt } = await pageThrough(filter, limit + 1, afterSeq, (after, want) =>
      batchSeq === null ? this.store.page(tenantSeq, after, want) : this.store.linePage(batchSeq, after, want),
    );
    const tasks = (await this.reader.stored(seqs.slice(0, limit), tenantSeq, false)).map(summaryOf);
    const lastId = stoppedAt === null ? (tasks.at(-1)?.id ?? null) : idOf({ ...stoppedAt, batchId });
    return { tasks, hasMore: seqs.length > limit || stoppedAt !== null, lastId };
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
    return eventsAfter(after, rows.flatMap(numbered));
  }

  /** The last attempts that failed or lost their lease, oldest first. */
  async attempts(tenantSeq: number, id: string): Promise<AttemptView[]> {
    return this.store.attempts([await this.seqOf(tenantSeq, id)], MAX_ATTEMPTS);
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

  private async batchSeq(tenantSeq: number, id: string): Promise<number> {
    const batch = await this.batches.find(tenantSeq, id);
    if (!batch) throw new MillraceError('not_found', `No batch found with id '${id}'.`);
    return batch.seq;
  }
}

function tooLarge(count: number): string {
  return `An answer holds ${ANSWER_BYTES / 1024 ** 2} MiB of tasks, which is the first ${count} of these: ask for fewer at a time.`;
}
