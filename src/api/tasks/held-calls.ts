/**
 * Blocking and streaming calls. Thousands of them may be held, so each costs a promise and one listener on its socket, and
 * nothing else: all share the timers of those who wait.
 */
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../kernel/clock.js';
import { AccessService } from '../../modules/access/access.service.js';
import type { PutRequest, TaskDetails } from '../../modules/tasks/task-requests.js';
import { WaitingCalls, type WaitingCall } from '../../modules/tasks/waiting-calls.js';
import { AppLogger } from '../../telemetry/logger.js';
import { ServerPhase } from '../common/server-phase.js';
import { AnswerRooms, CALLER_PATIENCE_MS, type AnswerRoom } from './answer-rooms.js';
import { EventStreams } from './event-streams.js';
import { bytesOf } from './json-bytes.js';
import { answerOf, NOT_IN_TIME, TASK_ID_HEADER, type TaskAnswer } from './task-answers.js';

@Injectable()
export class HeldCalls {
  private readonly logger: AppLogger;

  constructor(
    private readonly calls: WaitingCalls,
    private readonly access: AccessService,
    private readonly streams: EventStreams,
    private readonly rooms: AnswerRooms,
    private readonly phase: ServerPhase,
    private readonly clock: Clock,
    logger: AppLogger,
  ) {
    this.logger = logger.child('calls');
  }

  /**
   * Puts the task and answers when it has ended, when `waitMs` are over, when its key has ended, or when the server stops. In
   * the last two cases the task goes on: somebody else may ask for it.
   */
  async hold(request: PutRequest, waitMs: number, reply: FastifyReply): Promise<void> {
    const { mode, keyId } = request;
    const gone = goneOf(reply);
    const call = await this.calls.open(request, waitMs);
    void reply.header(TASK_ID_HEADER, call.taskId);
    // Nothing may be awaited before this: the task may speak from now on.
    const stream = mode === 'streaming' ? this.streams.open(call, reply) : null;
    const key = this.access.watchKey(keyId);
    try {
      const ended = await Promise.race([call.ended, gone, key.ended, ...(stream === null ? [] : [stream.overrun])]);
      call.close();
      if (ended === 'gone') await this.abandon(request, call);
      if (ended === 'gone' || ended === 'overrun') return;
      const room = this.rooms.of(reply, CALLER_PATIENCE_MS);
      const answer =
        ended === null
          ? await this.timeOut(request, call, room)
          : answerOf(await this.calls.wholeEnd(request.tenantSeq, call, ended, room.hold));
      if (stream) stream.end(answer);
      else this.send(answer, reply, room);
    } catch (error) {
      if (!stream) throw error;
      stream.fail(error);
    } finally {
      key.close();
      call.close();
    }
  }

  private send({ status, body, error }: TaskAnswer, reply: FastifyReply, room: AnswerRoom): void {
    void reply.code(status);
    if (status === NOT_IN_TIME.status && body === null) {
      void reply.send();
      return;
    }
    void reply.header('content-type', 'application/json');
    if (error === null) room.send(bytesOf([body ?? '{}']));
    else void reply.send({ code: status, message: error.message, timestamp: this.clock.now() });
  }

  /** Cancels the task, unless it has just ended after all, or somebody else still waits for it. */
  private async timeOut({ tenantSeq }: PutRequest, { taskId }: WaitingCall, { hold }: AnswerRoom): Promise<TaskAnswer> {
    if (this.calls.isAwaited(taskId)) return NOT_IN_TIME;
    const late: TaskDetails | null = await this.calls.giveUp(tenantSeq, taskId, { isTimeOut: true }, hold);
    return late === null ? NOT_IN_TIME : answerOf(late);
  }

  /**
   * Nobody wants the answer any more, so nobody need work on it. Not so when the server is what went away, when somebody
   * else waits for it, or when the caller has said that he may come back: with an Idempotency-Key.
   */
  private async abandon({ tenantSeq, idempotencyKey }: PutRequest, { taskId }: WaitingCall): Promise<void> {
    if (this.phase.current === 'stopping' || idempotencyKey !== null || this.calls.isAwaited(taskId)) return;
    try {
      await this.calls.giveUp(tenantSeq, taskId, { isTimeOut: false });
    } catch (error) {
      // The store cannot be reached: then it may as well be we who have gone.
      this.logger.warn({ err: error, taskId }, 'a caller hung up, and his task could not be cancelled; it goes on');
    }
  }
}

/** Resolves when the caller has hung up, if he has not already; also, harmlessly, when his answer is out. */
export function goneOf(reply: FastifyReply): Promise<'gone'> {
  return new Promise((resolve) => {
    if (reply.raw.destroyed) resolve('gone');
    else reply.raw.once('close', () => resolve('gone'));
  });
}
