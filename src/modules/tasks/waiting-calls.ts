/**
 * Blocking and streaming calls: a task is put and its caller stays on the line. The task is stored like any other, so a
 * caller who is cut off finds it again by its id, or joins it with the same Idempotency-Key.
 */
import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { UNHELD, type Hold } from '../../kernel/byte-gate.js';
import { newId } from '../../kernel/ids.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import { TaskIntake } from './task-intake.js';
import { TaskNotices } from './task-notices.js';
import type { NumberedEvent, PutRequest, TaskDetails, TaskEnd, ToldEnd } from './task-requests.js';
import type { TaskWaiter } from './task-waiter.js';
import { TaskWaiters } from './task-waiters.js';
import { TasksService } from './tasks.service.js';

/** A caller on the line. Whoever opened or joined it must `close` it, however it ends. */
export interface WaitingCall {
  taskId: string;
  /** True when an earlier request with the same Idempotency-Key made the task. */
  isReplay: boolean;
  /** What came of the task; null when the wait was over first. Rejects with `shutting_down`. */
  ended: Promise<ToldEnd | null>;
  /** What the task says, each event once, in order; ends with the task. Nothing for a blocking call. */
  events: Observable<NumberedEvent[]>;
  /** The caller has gone, or has got what he came for. The task goes on. */
  close: () => void;
}

@Injectable()
export class WaitingCalls {
  constructor(
    private readonly intake: TaskIntake,
    private readonly tasks: TasksService,
    private readonly waiters: TaskWaiters,
    private readonly store: SingleTaskStore,
    private readonly notices: TaskNotices,
  ) {}

  /**
   * Puts a task and waits for it, `waitMs` long; refuses as `TaskIntake.put` does, and with `overloaded` when too many
   * wait. Whoever wants all events subscribes to them in the turn in which this resolves.
   */
  async open(request: PutRequest, waitMs?: number): Promise<WaitingCall> {
    const id = newId('task');
    const { mode } = request;
    const waiter = this.waiters.join(id, mode === 'streaming' ? 0 : null, waitMs);
    waiter.isBehind = false; // nothing was said yet
    try {
      const { id: taskId, isReplay } = await this.intake.put(request, id);
      if (isReplay) this.waiters.moveTo(waiter, taskId);
      return this.callOf(waiter, isReplay);
    } catch (error) {
      this.waiters.leave(waiter);
      throw error;
    }
  }

  /** Listens to a task that is there already, from after its event number `after`; refuses with `not_found`. */
  async join(tenantSeq: number, taskId: string, after: number): Promise<WaitingCall> {
    await this.tasks.seqOf(tenantSeq, taskId);
    const waiter = this.waiters.join(taskId, after);
    this.waiters.moveTo(waiter, taskId); // it may have ended before anybody listened
    return this.callOf(waiter, true);
  }

  /** Whether anybody waits for this task. */
  isAwaited(taskId: string): boolean {
    return this.waiters.countOf(taskId) > 0;
  }

  /** The end that was told of, with what came of it. `hold`: of the answer that tells it. */
  wholeEnd(tenantSeq: number, { taskId }: WaitingCall, ended: ToldEnd, hold: Hold): TaskEnd | Promise<TaskEnd> {
    return ended === 'large' ? this.tasks.get(tenantSeq, taskId, hold) : ended;
  }

  /**
   * The caller's patience is over, or he has gone: cancels the task unless it has just ended. Resolves with the task as it
   * ended in that case if there is somebody to tell, else null.
   */
  async giveUp(
    tenantSeq: number,
    taskId: string,
    { isTimeOut }: { isTimeOut: boolean },
    hold: Hold = UNHELD,
  ): Promise<TaskDetails | null> {
    const request = { key: { id: taskId }, tenantSeq, by: null, isTimeOut };
    const { outcomes, aftermath } = await this.store.cancel([request]);
    this.notices.after(aftermath);
    return isTimeOut && outcomes[0] === 'ended_before' ? this.tasks.get(tenantSeq, taskId, hold) : null;
  }

  private callOf(waiter: TaskWaiter, isReplay: boolean): WaitingCall {
    const { taskId, ended, events } = waiter;
    return { taskId, isReplay, ended, events: events.asObservable(), close: () => this.waiters.leave(waiter) };
  }
}
