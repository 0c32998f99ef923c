/**
 * Tasks on their way to workers. What does not reach its worker goes back to its place at once, rather than when its lease
 * ends: that of a worker who hung up while it waited, or before it had read its answer, or whose key has ended meanwhile.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { AccessService } from '../../modules/access/access.service.js';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import type { HandedTask } from '../../modules/tasks/task-requests.js';
import { AppLogger } from '../../telemetry/logger.js';

/** A connection that is reset so soon after an answer was not reset by somebody who has read it. */
const UNREAD_MS = 1_000;

interface Delivery {
  tenantSeq: number;
  held: { taskId: string; epoch: number }[];
  at: number;
}

export interface Handover {
  /** Aborted when the worker hangs up, or its key ends. */
  signal: AbortSignal;
  /**
   * What is left of these tasks to send: all, or nothing when the worker has gone; then they are on their way back. So they
   * are when its key has ended; then this refuses with `invalid_api_key`.
   */
  offer: (tasks: readonly HandedTask[]) => readonly HandedTask[];
}

@Injectable()
export class Handovers {
  private readonly logger: AppLogger;
  /** The last delivery over each connection. */
  private readonly deliveries = new WeakMap<Socket, Delivery>();

  constructor(
    private readonly pull: PullService,
    private readonly access: AccessService,
    private readonly clock: Clock,
    logger: AppLogger,
  ) {
    this.logger = logger.child('handovers');
  }

  /** `response`: to a worker who asks for tasks, not yet written. */
  begin({ tenantSeq, keyId }: Caller, response: ServerResponse): Handover {
    const gone = new AbortController();
    const { socket } = response;
    let held: Delivery['held'] = [];
    const key = this.access.watchKey(keyId);
    key.ended.catch((refusal: unknown) => gone.abort(refusal));
    // Also when the answer is out; what was not sent by then never will be.
    response.once('close', () => {
      key.close();
      const delivery = { tenantSeq, held, at: this.clock.now() };
      if (!response.writableFinished) {
        gone.abort();
        this.takeBack(delivery);
      } else if (socket !== null && held.length > 0) {
        this.watch(socket, delivery);
      }
    });
    const offer = (tasks: readonly HandedTask[]) => {
      const offered = tasks.map(({ id: taskId, epoch }) => ({ taskId, epoch }));
      if (!gone.signal.aborted) {
        held = offered;
        return tasks;
      }
      this.takeBack({ tenantSeq, held: offered, at: this.clock.now() });
      if (gone.signal.reason instanceof MillraceError) throw gone.signal.reason;
      return [];
    };
    return { signal: gone.signal, offer };
  }

  /** Written is not read: a worker who is killed in between resets the connection. */
  private watch(socket: Socket, delivery: Delivery): void {
    const isWatched = this.deliveries.has(socket);
    this.deliveries.set(socket, delivery);
    if (isWatched) return;
    socket.once('close', (isReset) => {
      const last = this.deliveries.get(socket)!;
      if (isReset && this.clock.now() - last.at <= UNREAD_MS) this.takeBack(last);
    });
  }

  private takeBack({ tenantSeq, held }: Delivery): void {
    if (held.length === 0) return;
    this.logger.debug({ count: held.length }, 'tasks that reached no worker go back');
    this.pull.release(tenantSeq, held).catch((error: unknown) => {
      this.logger.error(
        { err: error, count: held.length },
        'tasks that reached no worker wait for their leases to end',
      );
    });
  }
}
