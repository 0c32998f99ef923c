/** Failed tasks, for the owners of their queues: looked through, sent back, forgotten; and lanes cleared of what waits. */
import { Injectable } from '@nestjs/common';
import { UNHELD, type Hold } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import { DeadLetterStore } from '../../store/dead-letter.store.js';
import { PullStore } from '../../store/pull.store.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import type { Queue } from '../queues/queue.js';
import { QueuesService } from '../queues/queues.service.js';
import { TaskNotices } from './task-notices.js';
import { TaskReader } from './task-reader.js';
import type { AttemptView, RedriveOutcome, TaskDetails } from './task-requests.js';

export interface DeadLetter extends TaskDetails {
  /** The last of them, oldest first. */
  attempts: AttemptView[];
  attemptsCount: number;
}

export interface DeadLetterPage {
  letters: DeadLetter[];
  hasMore: boolean;
}

/** What a redriven task gets to end, unless its redriver says. */
export const REDRIVE_TTL_MS = 24 * 3_600_000;
const STEP = 500;
/** Told of each dead letter; a page may have 100 of them. */
const MAX_ATTEMPTS = 100;

@Injectable()
export class DeadLettersService {
  constructor(
    private readonly store: DeadLetterStore,
    private readonly tasks: SingleTaskStore,
    private readonly pull: PullStore,
    private readonly queues: QueuesService,
    private readonly reader: TaskReader,
    private readonly notices: TaskNotices,
  ) {}

  /** In their order, after the one of row `afterSeq`, fewer when they are large; refuses with `queue_not_found`. */
  async list(
    tenantSeq: number,
    queueName: string,
    afterSeq: number | null,
    limit: number,
    hold: Hold = UNHELD,
  ): Promise<DeadLetterPage> {
    const rows = await this.store.page(this.queueOf(tenantSeq, queueName).seq, afterSeq, limit + 1);
    const seqs = rows.slice(0, limit).map(({ seq }) => seq);
    const [{ details, isCut }, attempts] = await Promise.all([
      this.reader.detailsOf(seqs, null, hold),
      this.tasks.attempts(seqs, MAX_ATTEMPTS),
    ]);
    const letters = details.map((task) => {
      const ofTask = attempts.filter(({ taskSeq }) => taskSeq === task.seq);
      return { ...task, attempts: ofTask, attemptsCount: ofTask[0]?.total ?? 0 };
    });
    return { letters, hasMore: isCut || rows.length > limit };
  }

  /** How many a queue has now. */
  count(queueSeq: number): Promise<number> {
    return this.store.count(queueSeq);
  }

  /** An outcome for each id. `by`: who asks, for the audit log. */
  async redrive(tenantSeq: number, ids: readonly string[], by: string): Promise<RedriveOutcome[]> {
    const all: RedriveOutcome[] = [];
    for (let from = 0; from < ids.length; from += STEP) {
      const step = ids.slice(from, from + STEP);
      const { outcomes, aftermath } = await this.store.redrive({ ids: step, tenantSeq, by, ttlMs: REDRIVE_TTL_MS });
      this.notices.after(aftermath);
      all.push(...outcomes);
    }
    return all;
  }

  /** Sends all failed tasks of a queue back; returns how many went. */
  async redriveQueue(tenantSeq: number, queueName: string, by: string): Promise<number> {
    let count = 0;
    for await (const ids of this.idsOf(this.queueOf(tenantSeq, queueName))) {
      count += (await this.redrive(tenantSeq, ids, by)).filter((outcome) => outcome === 'redriven').length;
    }
    return count;
  }

  /** Forgets failed tasks with all that belongs to them; true for each that is gone now. */
  async drop(tenantSeq: number, ids: readonly string[], by: string): Promise<boolean[]> {
    const dropped: boolean[] = [];
    while (dropped.length < ids.length) {
      const step = ids.slice(dropped.length, dropped.length + STEP);
      dropped.push(...(await this.store.drop({ ids: step, tenantSeq, by })));
    }
    return dropped;
  }

  /** Forgets all failed tasks of a queue; returns how many are gone. */
  async dropQueue(tenantSeq: number, queueName: string, by: string): Promise<number> {
    let count = 0;
    for await (const ids of this.idsOf(this.queueOf(tenantSeq, queueName))) {
      count += (await this.drop(tenantSeq, ids, by)).filter(Boolean).length;
    }
    return count;
  }

  /** Cancels all that waits in a lane; returns how many that were. What is being worked on goes on. */
  async clearLane(tenantSeq: number, queueName: string, level: number, by: string): Promise<number> {
    const lane = await this.queues.lane(this.queueOf(tenantSeq, queueName), level);
    await this.pull.clear(lane.seq, by);
    return this.finishClearing(lane.seq);
  }

  /** Ends what waits in the cleared part of a lane, step by step. */
  async finishClearing(laneSeq: number): Promise<number> {
    let count = 0;
    for (let isMore = true; isMore;) {
      const step = await this.pull.cancelCleared(laneSeq);
      this.notices.after(step.aftermath);
      count += step.cancelled;
      isMore = step.isMore;
    }
    return count;
  }

  /** Of the failed tasks of a queue, in their order, step by step. */
  private async *idsOf({ seq: queueSeq }: Queue): AsyncGenerator<string[]> {
    for (let afterSeq: number | null = null; ;) {
      const rows: { seq: number; id: string }[] = await this.store.page(queueSeq, afterSeq, STEP);
      yield rows.map(({ id }) => id);
      if (rows.length < STEP) return;
      afterSeq = rows.at(-1)!.seq;
    }
  }

  private queueOf(tenantSeq: number, name: string): Queue {
    const queue = this.queues.named(tenantSeq, name);
    if (queue?.tenantSeq === tenantSeq) return queue;
    throw new MillraceError('queue_not_found', `You have no queue named '${name}'.`, { param: 'queue' });
  }
}
