import { Injectable } from '@nestjs/common';
import { lineTaskId } from '../../kernel/ids.js';
import { resultObject, type RecordedResult } from '../../modules/callbacks/result-object.js';
import { ANSWER_LOST, LostText, sizeOfKept, Spill } from '../../modules/tasks/spill.js';
import { CallbackStore, type CallbackSubject } from '../../store/callback.store.js';
import type { LeasedCallback } from '../../store/procedures/callback-shapes.js';

/** What a callback says. */
export interface CallbackMessage {
  /** The task that it tells of; null when it tells of no task. */
  taskId: string | null;
  /** How much memory its body takes, about. */
  bytes: number;
  /** JSON, read when it is asked for. */
  body: () => Promise<string>;
}

/** Finds out what a callback has to say. */
@Injectable()
export class CallbackMessages {
  constructor(
    private readonly store: CallbackStore,
    private readonly spill: Spill,
  ) {}

  /** Null when there is nothing to tell any more, because its task was sent back or deleted. */
  async messageOf({ seq, epoch, taskSeq, body }: LeasedCallback): Promise<CallbackMessage | null> {
    const subject = taskSeq === null ? null : await this.store.subject({ seq, epoch });
    const taskId = subject === null ? null : taskIdOf(subject);
    if (body !== null) return { taskId, bytes: body.length, body: async () => body };
    if (subject === null || taskId === null) return null;
    const result = async () => resultObject(taskId, await this.resultOf(subject));
    return { taskId, bytes: sizeOfKept(subject), body: result };
  }

  private async resultOf(subject: CallbackSubject): Promise<RecordedResult> {
    try {
      return { ...subject, body: await this.spill.read(subject) };
    } catch (error) {
      if (!(error instanceof LostText)) throw error;
      return { ...subject, ...ANSWER_LOST };
    }
  }
}

function taskIdOf({ id, batchId, line }: CallbackSubject): string | null {
  return id ?? (batchId === null || line === null ? null : lineTaskId(batchId, line));
}
