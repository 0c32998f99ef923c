/**
 * Writes what came of a task. A store that cannot be written (a full disk) is tried until it can: the answer is in our
 * hands, and asking the model again would cost more than waiting.
 */
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { backoffMs } from '../../kernel/backoff.js';
import { Clock } from '../../kernel/clock.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { lastNOf, type EventSpan } from '../../kernel/progress-event.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import { isLarge, Spill } from '../../modules/tasks/spill.js';
import { TaskNotices } from '../../modules/tasks/task-notices.js';
import type { TaskEnd } from '../../modules/tasks/task-requests.js';
import { usageOf } from '../../modules/tasks/usage.js';
import type { EndHints } from '../../ports/event-map.js';
import type { Aftermath } from '../../store/procedures/single-shapes.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import { TaskStore } from '../../store/task.store.js';
import type { FinishedTask, LeasedTask, ReturnedTask, Usage } from '../../store/procedures/task-shapes.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import type { SingleTask } from './single-task.js';
import type { UpstreamAnswer } from './upstream-answer.js';

const STORE_BACKOFF = { firstMs: 200, maxMs: 5000 };

/** A leased task and where it came from. */
export interface Held {
  task: LeasedTask;
  lane: Lane;
  startedAt: number;
  /** Null for the line of a batch, and for a single task that has not been read. */
  single: SingleTask | null;
}

const NOTHING: Aftermath = {
  endedIds: [],
  doneBatchSeqs: [],
  readyLaneSeqs: [],
  abortedSeqs: [],
  hasCallbacks: false,
};

@Injectable()
export class Recorder {
  private isStopping = false;

  constructor(
    private readonly config: AppConfig,
    private readonly tasks: TaskStore,
    private readonly spill: Spill,
    private readonly singles: SingleTaskStore,
    private readonly notices: TaskNotices,
    private readonly clock: Clock,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  get maxTries(): number {
    return this.config.limits.maxTries;
  }

  /** From now on a failing store is not waited for; what is not recorded stays leased and is rescued at the next start. */
  stop(): void {
    this.isStopping = true;
  }

  answer(held: Held, answer: UpstreamAnswer, json: unknown): Promise<void> {
    crashPoint('dispatch:answered');
    const usage = answer.status < 400 ? usageOf(json) : null;
    return this.complete(held, answer.status, answer.requestId, jsonBody(answer, json), usage);
  }

  /** Records an answer. `body`: JSON text, or null where all there was to say has been said in events. */
  complete(
    held: Held,
    statusCode: number,
    requestId: string | null,
    body: string | null,
    usage: Usage | null,
    lastWords: EventSpan | null = null,
  ): Promise<void> {
    const { task, lane } = held;
    return this.finish(held, {
      seq: task.seq,
      epoch: task.epoch,
      laneSeq: lane.seq,
      batchSeq: task.batchSeq,
      state: 'completed',
      isTry: true,
      statusCode,
      requestId,
      body,
      blobKey: null,
      errorCode: null,
      errorMessage: null,
      usage,
      hasCallback: isCalling(held),
      lastWords,
    });
  }

  /** Ends a task to which no answer will come. */
  giveUp(held: Held, errorCode: string, errorMessage: string, lastWords: EventSpan | null = null): Promise<void> {
    const { task, lane } = held;
    return this.finish(held, {
      seq: task.seq,
      epoch: task.epoch,
      laneSeq: lane.seq,
      batchSeq: task.batchSeq,
      state: 'failed',
      isTry: true,
      statusCode: null,
      requestId: null,
      body: null,
      blobKey: null,
      errorCode,
      errorMessage,
      usage: null,
      hasCallback: isCalling(held),
      lastWords,
    });
  }

  /** Another try after a while. */
  async retry(held: Held, afterMs: number, statusCode: number | null, detail: string): Promise<void> {
    this.telemetry.retried('failed');
    await this.giveBack(held, {
      availableAt: this.clock.now() + afterMs,
      isTry: true,
      attempt: { outcome: 'failed', startedAt: held.startedAt, statusCode, detail },
    });
    if (held.lane.queue.maxConcurrency !== null) this.tell({ readyLaneSeqs: [held.lane.seq] });
  }

  /** Back to its place, as if it had not been taken; not to be taken again before `afterMs` are over, if that is given. */
  async release(held: Held, reason: string, afterMs: number | null = null): Promise<void> {
    this.telemetry.retried(reason);
    const availableAt = afterMs === null ? null : this.clock.now() + afterMs;
    await this.giveBack(held, { availableAt, isTry: false, attempt: null });
    this.tell({ readyLaneSeqs: [held.lane.seq] });
  }

  /** Stores what a task says while it runs; false when its lease was lost. */
  async say({ task, lane }: Held, id: string, span: EventSpan): Promise<boolean> {
    const claim = { key: { id }, epoch: task.epoch, tenantSeq: lane.queue.tenantSeq, laneSeq: lane.seq };
    const { verdict } = await this.untilStored(() => this.singles.appendEvents({ ...claim, ...span }));
    return verdict === 'done' || verdict === 'repeated';
  }

  private async finish({ task, lane }: Held, end: FinishedTask): Promise<void> {
    const { seq, lastWords, state, statusCode, requestId, body, errorCode, errorMessage } = end;
    if (isLarge(body)) Object.assign(end, await this.untilStored(() => this.spill.keep(body)));
    const { isRecorded, isBatchDone } = await this.untilStored(() => this.tasks.finish(end));
    crashPoint('dispatch:recorded');
    this.telemetry.finished(lane, end, isRecorded);
    const isLimited = lane.queue.maxConcurrency !== null;
    if (!isRecorded || (task.id === null && !isBatchDone && !isLimited)) return;
    const aftermath = {
      endedIds: task.id === null ? [] : [task.id],
      doneBatchSeqs: isBatchDone ? [end.batchSeq!] : [],
      readyLaneSeqs: isLimited ? [lane.seq] : [],
      hasCallbacks: end.hasCallback,
    };
    const hints = lastWords === null ? { seq } : { seq, lastN: lastNOf(lastWords) };
    this.tell(aftermath, hints, { state, result: { statusCode, requestId, body, errorCode, errorMessage } });
  }

  private tell(aftermath: Partial<Aftermath>, hints: EndHints = {}, end: TaskEnd | null = null): void {
    this.notices.after({ ...NOTHING, ...aftermath }, hints, end);
  }

  private async giveBack(
    { task, lane }: Held,
    how: Pick<ReturnedTask, 'availableAt' | 'isTry' | 'attempt'>,
  ): Promise<void> {
    const { seq, epoch } = task;
    await this.untilStored(() => this.tasks.giveBack({ seq, epoch, laneSeq: lane.seq, isLoss: false, ...how }));
  }

  private async untilStored<T>(write: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await write();
      } catch (error) {
        if (this.isStopping) throw error;
        this.telemetry.storeFailed(error);
        await new Promise((resume) => setTimeout(resume, backoffMs(failures, STORE_BACKOFF)));
      }
    }
  }
}

/** Whether somebody is to be called back; perhaps so for a single task that could not be read. */
function isCalling({ task, single }: Held): boolean {
  return single === null ? task.batchSeq === null : single.callbackUrl !== null;
}

/** The answer's own bytes, or, for an error page that is not JSON, an error object that quotes its beginning. */
function jsonBody(answer: UpstreamAnswer, json: unknown): string {
  if (json !== undefined) return answer.body;
  const message = answer.body.slice(0, 500).toWellFormed() || `The upstream answered with status ${answer.status}.`;
  return JSON.stringify({ error: { message, type: 'upstream_error', param: null, code: null } });
}
