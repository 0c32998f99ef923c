/**
 * Runs the tasks of handlers: body in, function, record. A function that goes on although its signal has fired keeps its
 * place among those that run, but nobody waits for it any more.
 */
import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/clock.js';
import { isOutage } from '../../../kernel/errors.js';
import { SlotList, type Slotted } from '../../../kernel/slot-list.js';
import type { HandlerTask } from '../../../modules/handlers/task-handler.js';
import { TaskFailure } from '../../../modules/handlers/task-handler.js';
import type { RegisteredHandler } from '../../../modules/handlers/handler-registry.js';
import type { Lane } from '../../../modules/queues/queues.service.js';
import { TaskReader } from '../../../modules/tasks/task-reader.js';
import type { LeasedTask } from '../../../store/procedures/task-shapes.js';
import { SingleTaskStore, type StoredTask } from '../../../store/single-task.store.js';
import { DispatchTelemetry } from '../dispatch-telemetry.js';
import type { EventRelay } from '../event-relay.js';
import { EventRelays } from '../event-relays.js';
import { Recorder, type Held } from '../recorder.js';
import { isStreaming, maxTriesOf, timeLeftOf, type SingleTask } from '../single-task.js';
import { STORAGE_PAUSE_MS } from '../verdict.js';
import { judgeError } from './handler-verdict.js';

interface Running extends Held, Slotted {
  handler: RegisteredHandler;
  aborter: AbortController;
  /** The task has ended without us: nothing is recorded. */
  isLost: boolean;
}

type Outcome = { kind: 'done'; body: string } | { kind: 'threw'; error: unknown } | { kind: 'aborted' };

@Injectable()
export class HandlerRunner {
  private readonly running = new SlotList<Running>();
  private idle: (() => void) | null = null;

  constructor(
    private readonly recorder: Recorder,
    private readonly relays: EventRelays,
    private readonly reader: TaskReader,
    private readonly singles: SingleTaskStore,
    private readonly clock: Clock,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  /** Starts one leased task. `onFree`: called when its function has returned. */
  start(lane: Lane, handler: RegisteredHandler, task: LeasedTask, onFree: () => void): void {
    const startedAt = this.clock.now();
    const aborter = new AbortController();
    const running: Running = { task, lane, startedAt, single: null, handler, aborter, isLost: false, slot: -1 };
    this.running.add(running);
    const end = () => {
      this.running.remove(running);
      if (this.running.size === 0) this.idle?.();
    };
    this.run(running, onFree).then(end, (error: unknown) => {
      this.telemetry.failed(error, 'a task stays leased until the next start, because its end could not be stored');
      end();
    });
  }

  /** Tasks that were started by then, epoch ms, and run still, or whose ends are being stored. */
  runningSince(startedBy: number): LeasedTask[] {
    return [...this.running].filter(({ startedAt }) => startedAt <= startedBy).map(({ task }) => task);
  }

  /** Of the tasks that run, and of those whose ends are being stored. */
  taskSeqs(): number[] {
    return [...this.running].map(({ task }) => task.seq);
  }

  /** Tells the handler of a task that was cancelled, or whose time is over; of one lease of it, if that is named. */
  abortTask(taskSeq: number, epoch: number | null = null): void {
    for (const running of this.running) {
      const { task } = running;
      if (task.seq === taskSeq && (epoch === null || task.epoch === epoch)) this.lose(running);
    }
  }

  abortAll(): void {
    for (const { aborter } of this.running) aborter.abort(new Error('the server is shutting down'));
  }

  /** Resolves when nothing is to be recorded any more. */
  async drained(): Promise<void> {
    if (this.running.size > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private lose(running: Running): void {
    running.isLost = true;
    running.aborter.abort(new Error('the task has ended'));
  }

  private async run(running: Running, onFree: () => void): Promise<void> {
    let read: Read;
    try {
      read = await this.read(running.task);
    } catch (error) {
      this.telemetry.failed(error, 'the input of a task could not be read');
      onFree();
      // Nothing was begun, and the task is as good as it was: it waits until what holds its input is back.
      if (isOutage(error)) return this.recorder.release(running, 'no_storage', STORAGE_PAUSE_MS);
      return this.fail(running, new TaskFailure('input_unreadable', 'The body of the task could not be read.'), false);
    }
    running.single = read.single;
    const relay = this.relays.open(running, read.single, read.heardBefore, () => this.lose(running));
    const outcome = await this.call(running, read, relay, onFree);
    if (running.isLost) return;
    await relay.close();
    await this.record(running, outcome, relay);
  }

  private async read({ seq, epoch }: LeasedTask): Promise<Read> {
    const [stored] = await this.reader.stored([seq], null, true);
    const body = stored && (await this.reader.bodiesOf([stored])).get(seq);
    if (body instanceof Error) throw body;
    if (!stored || body === undefined) throw new Error(`task ${seq} has no body`);
    return {
      single: stored as StoredTask & { id: string },
      data: JSON.parse(body) as unknown,
      heardBefore: epoch > 1 ? await this.lastEventOf(seq) : 0,
    };
  }

  private async lastEventOf(taskSeq: number): Promise<number> {
    for (let n = 0; ;) {
      const rows = await this.singles.events(taskSeq, n);
      if (rows.length === 0) return n;
      n = rows.at(-1)!.n;
    }
  }

  private call(running: Running, read: Read, relay: EventRelay, onFree: () => void): Promise<Outcome> {
    const { handler, aborter } = running;
    const context = {
      signal: aborter.signal,
      progress: (data: unknown, { id = null, name = null }: { id?: string | null; name?: string | null } = {}) =>
        relay.say([{ id, name, data: jsonOf(data) }]),
    };
    const invoke = async (): Promise<Outcome> => {
      try {
        return { kind: 'done', body: jsonOf(await handler.run(taskOf(running, read), context)) };
      } catch (error) {
        return { kind: 'threw', error };
      }
    };
    const aborted = new Promise<Outcome>((resolve) => {
      aborter.signal.addEventListener('abort', () => resolve({ kind: 'aborted' }), { once: true });
    });
    return Promise.race([invoke().finally(onFree), aborted]);
  }

  private record(running: Running, outcome: Outcome, relay: EventRelay): Promise<void> {
    const isHeard = relay.isHeard && isStreaming(running.single!);
    if (outcome.kind === 'done') return this.recorder.complete(running, 200, null, outcome.body, null);
    if (outcome.kind === 'threw') return this.fail(running, outcome.error, isHeard);
    if (!isHeard) return this.recorder.release(running, 'aborted');
    return this.recorder.giveUp(running, 'stream_interrupted', 'The server stopped in the middle of the stream.');
  }

  private fail(running: Running, error: unknown, isHeard: boolean): Promise<void> {
    const { task, lane, single, handler } = running;
    const verdict = judgeError(error, handler, {
      tries: task.tries,
      policy: { ...lane.queue.retry, maxTries: maxTriesOf(lane.queue, single) ?? this.recorder.maxTries },
      timeLeftMs: single === null ? Number.POSITIVE_INFINITY : timeLeftOf(single, this.clock.now()),
      isHeard,
    });
    this.telemetry.handlerFailed(handler.name, error);
    if (verdict.kind === 'retry') return this.recorder.retry(running, verdict.afterMs, null, verdict.detail);
    return this.recorder.giveUp(running, verdict.code, verdict.message);
  }
}

interface Read {
  single: SingleTask;
  data: unknown;
  heardBefore: number;
}

function taskOf({ task, lane, handler }: Running, { single, data }: Read): HandlerTask {
  const { id, traceId, enqueuedAt, expiresAt } = single;
  return {
    id,
    type: handler.type,
    data,
    queue: lane.queue.name,
    level: lane.level,
    traceId,
    attempt: task.tries + 1,
    enqueuedAt,
    expiresAt,
  };
}

/** JSON has no word for nothing. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    throw new TaskFailure('invalid_result', `What the handler said is no JSON: ${(error as Error).message}`);
  }
}
