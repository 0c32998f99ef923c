/**
 * Writes what came of a task. A store that cannot be written (a full disk) is tried until it can: the answer is in our
 * hands, and asking the model again would cost more than waiting.
 */
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { backoffMs } from '../../kernel/backoff.js';
import { Clock } from '../../kernel/clock.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { newId } from '../../kernel/ids.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { usageOf } from '../../modules/tasks/usage.js';
import { BlobStore } from '../../ports/blob-store.js';
import { EventBus } from '../../ports/event-bus.js';
import { TaskStore } from '../../store/task.store.js';
import type { FinishedTask, LeasedTask, ReturnedTask } from '../../store/procedures/task-shapes.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import type { UpstreamAnswer } from './upstream-answer.js';

/** Larger answers go to a blob; finalize reads pages of 500 rows, which must fit in memory. */
export const INLINE_RESULT_BYTES = 32 * 1024;
const STORE_BACKOFF = { firstMs: 200, maxMs: 5000 };

/** A leased task and where it came from. */
export interface Held {
  task: LeasedTask;
  lane: Lane;
  startedAt: number;
}

@Injectable()
export class Recorder {
  private isStopping = false;

  constructor(
    private readonly config: AppConfig,
    private readonly tasks: TaskStore,
    private readonly blobs: BlobStore,
    private readonly queues: QueuesService,
    private readonly events: EventBus,
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

  async answer({ task, lane }: Held, answer: UpstreamAnswer, json: unknown): Promise<void> {
    crashPoint('dispatch:answered');
    const body = jsonBody(answer, json);
    const isLarge = body.length > INLINE_RESULT_BYTES;
    await this.finish(lane, {
      seq: task.seq,
      epoch: task.epoch,
      laneSeq: lane.seq,
      batchSeq: task.batchSeq,
      state: 'completed',
      isTry: true,
      statusCode: answer.status,
      requestId: answer.requestId,
      body: isLarge ? null : body,
      blobKey: isLarge ? await this.untilStored(() => this.spill(body)) : null,
      errorCode: null,
      errorMessage: null,
      usage: answer.status < 400 ? usageOf(json) : null,
    });
  }

  /** Ends a task to which no answer will come. */
  async giveUp({ task, lane }: Held, errorCode: string, errorMessage: string): Promise<void> {
    await this.finish(lane, {
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
  }

  /** Back to its place, as if it had not been taken. */
  async release(held: Held, reason: string): Promise<void> {
    this.telemetry.retried(reason);
    await this.giveBack(held, { availableAt: null, isTry: false, attempt: null });
    this.queues.call([held.lane.seq]);
  }

  private async finish(lane: Lane, end: FinishedTask): Promise<void> {
    const { isRecorded, isBatchDone } = await this.untilStored(() => this.tasks.finish(end));
    crashPoint('dispatch:recorded');
    this.telemetry.finished(lane, end, isRecorded);
    if (isBatchDone) this.events.publish('batch.finalize', { batchSeq: end.batchSeq! });
  }

  private async giveBack(
    { task, lane }: Held,
    how: Pick<ReturnedTask, 'availableAt' | 'isTry' | 'attempt'>,
  ): Promise<void> {
    const { seq, epoch } = task;
    await this.untilStored(() => this.tasks.giveBack({ seq, epoch, laneSeq: lane.seq, isLoss: false, ...how }));
  }

  private async spill(body: string): Promise<string> {
    const key = `spill_${newId('blob')}`;
    const writer = await this.blobs.create(key);
    try {
      await writer.write(Buffer.from(body));
      await writer.commit();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return key;
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

/** The answer's own bytes, or, for an error page that is not JSON, an error object that quotes its beginning. */
function jsonBody(answer: UpstreamAnswer, json: unknown): string {
  if (json !== undefined) return answer.body;
  const message = answer.body.slice(0, 500).toWellFormed() || `The upstream answered with status ${answer.status}.`;
  return JSON.stringify({ error: { message, type: 'upstream_error', param: null, code: null } });
}
