/**
 * Callers who wait for tasks: thousands of them, with one subscription to each topic and one timer for all.
 *
 * Whoever waits joins before the task is stored, so its end cannot come between. An event only says what is to be read: ends that
 * come in one turn are read together, and each waiter's task is looked up once a second in case the event was lost, or never
 * sent: nobody tells of the lines of batches, which end by the thousand and are hardly ever waited for. A listener who sees a
 * gap in the numbers of a stream reads what is missing.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { EventBus } from '../../ports/event-bus.js';
import type { EndHints } from '../../ports/event-map.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { hasLargeResult, keyOf, noSuchTask, TaskReader } from './task-reader.js';
import type { TaskEnd, ToldEnd } from './task-requests.js';
import { TaskWaiter } from './task-waiter.js';
import { numbered } from './event-numbers.js';

const TICK_MS = 250;
/** How long a lost event may go unnoticed. */
const LOOK_MS = 1000;
/** Looked up in one statement. */
const PAGE = 500;
export const MAX_WAITERS = 50_000;
const RETRY_MS = 1000;

@Injectable()
export class TaskWaiters implements OnModuleInit, OnModuleDestroy {
  private readonly byTask = new Map<string, Set<TaskWaiter>>();
  private total = 0;
  /** Tasks that are said to have ended and have not been read yet, with what else was said of them. */
  private ended = new Map<string, EndHints>();
  private timer: NodeJS.Timeout | null = null;
  private isLooking = false;
  private isClosed = false;

  constructor(
    private readonly store: SingleTaskStore,
    private readonly reader: TaskReader,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly logger: AppLogger,
  ) {}

  onModuleInit(): void {
    this.events.on('task.ended').subscribe(({ taskId, ...hints }) => this.noteEnd(taskId, hints));
    this.events.on('task.progress').subscribe(({ taskId, lastN, events }) => {
      const waiters = this.byTask.get(taskId);
      if (!waiters) return;
      const heard = numbered({ n: lastN, events });
      for (const waiter of waiters) {
        if (heard.length === 0) waiter.miss(lastN);
        else this.hear(waiter, heard);
      }
    });
  }

  /** Everybody is told to come back: their tasks go on without them. */
  onModuleDestroy(): void {
    this.isClosed = true;
    if (this.timer) clearTimeout(this.timer);
    for (const waiters of this.byTask.values()) for (const waiter of waiters) this.refuse(waiter, stopping());
  }

  get count(): number {
    return this.total;
  }

  /**
   * From now on this caller misses nothing of the task, which need not exist yet. `after`: the number of the last event he
   * has, when he listens; null when only the end matters. `waitMs`: how long he waits. Refuses with `shutting_down` and
   * `overloaded`.
   */
  join(taskId: string, after: number | null, waitMs = Number.POSITIVE_INFINITY): TaskWaiter {
    if (this.isClosed) throw stopping();
    if (this.total >= MAX_WAITERS) {
      const text = `${MAX_WAITERS} callers are waiting already. Try again shortly.`;
      throw new MillraceError('overloaded', text, { retryAfterMs: RETRY_MS });
    }
    const now = this.clock.now();
    const waiter = new TaskWaiter(taskId, after, now + waitMs);
    waiter.checkedAt = now;
    this.add(waiter);
    return waiter;
  }

  /** Waits for another task instead, one that exists and may have ended: the one a repeated request has made before. */
  moveTo(waiter: TaskWaiter, taskId: string): void {
    this.leave(waiter);
    waiter.taskId = taskId;
    waiter.isBehind = waiter.isListening; // it may have said something already
    this.add(waiter);
    this.noteEnd(taskId); // perhaps it has; looking costs little
  }

  /** This caller waits no more. Harmless when he has left already. */
  leave(waiter: TaskWaiter): void {
    const waiters = this.byTask.get(waiter.taskId);
    if (!waiters?.delete(waiter)) return;
    this.total -= 1;
    if (waiters.size === 0) this.byTask.delete(waiter.taskId);
  }

  /**
   * This task has ended thus, and what it has said up to event number `lastN` was told. Who has heard all of that need not read
   * anything; the others are ended by the event that follows, and all are when the end is large.
   */
  end(taskId: string, end: TaskEnd, lastN: number | undefined): void {
    if (hasLargeResult({ resultBody: end.result?.body ?? null, resultBlobKey: null })) return;
    for (const waiter of this.byTask.get(taskId) ?? []) if (waiter.hasHeard(lastN)) this.finish(waiter, end);
  }

  /** How many wait for this task. */
  countOf(taskId: string): number {
    return this.byTask.get(taskId)?.size ?? 0;
  }

  private add(waiter: TaskWaiter): void {
    const waiters = this.byTask.get(waiter.taskId);
    if (waiters) waiters.add(waiter);
    else this.byTask.set(waiter.taskId, new Set([waiter]));
    this.total += 1;
    this.timer ??= this.nextTick();
  }

  private finish(waiter: TaskWaiter, end: ToldEnd | Promise<ToldEnd>): void {
    this.leave(waiter);
    waiter.end(end);
  }

  private refuse(waiter: TaskWaiter, error: MillraceError): void {
    this.leave(waiter);
    waiter.refuse(error);
  }

  private hear(waiter: TaskWaiter, events: Parameters<TaskWaiter['hear']>[0]): void {
    if (!waiter.isListening) return;
    waiter.checkedAt = this.clock.now(); // it runs, and what it says arrives: no need to look
    // While older ones are being read, what comes now is read with them.
    if (!waiter.isBehind) waiter.hear(events);
  }

  private noteEnd(taskId: string, hints: EndHints = {}): void {
    if (!this.byTask.has(taskId)) return;
    if (this.ended.size === 0) setImmediate(() => void this.deliverEnds());
    this.ended.set(taskId, { ...this.ended.get(taskId), ...hints });
  }

  /** Reads all that is said to have ended in this turn, and tells who waits for it. */
  private async deliverEnds(): Promise<void> {
    const ended = [...this.ended];
    this.ended = new Map();
    for (let from = 0; from < ended.length; from += PAGE) {
      await this.deliver(ended.slice(from, from + PAGE)).catch((error: unknown) => this.lookFailed(error));
    }
  }

  private async deliver(ended: readonly (readonly [taskId: string, hints: EndHints])[]): Promise<void> {
    const tasks = await this.reader.storedOf(
      ended.map(([id, { seq }]) => ({ id, seq: seq ?? null })),
      true,
    );
    for (const [index, task] of tasks.entries()) {
      const [taskId, { lastN }] = ended[index]!;
      const waiters = this.byTask.get(taskId);
      if (!waiters) continue;
      // It was there, and is forgotten: nothing more will be heard of it.
      if (task === null) for (const waiter of waiters) this.refuse(waiter, noSuchTask(taskId));
      if (task === null || task.endedAt === null) continue;
      const end: Promise<ToldEnd> = hasLargeResult(task) ? Promise.resolve('large') : this.reader.endOf(task);
      end.catch(() => {}); // who waits hears of it
      for (const waiter of waiters) {
        if (!waiter.hasHeard(lastN)) await this.catchUp(waiter, task.seq);
        this.finish(waiter, end);
      }
    }
  }

  private async catchUp(waiter: TaskWaiter, taskSeq: number): Promise<void> {
    waiter.isBehind = true;
    for (;;) {
      const rows = await this.store.events(taskSeq, waiter.lastN!);
      if (rows.length === 0) break;
      waiter.hear(rows.flatMap(numbered), true);
    }
    waiter.isBehind = false;
  }

  private nextTick(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timer = null;
      this.tick();
      if (this.total > 0 && !this.isClosed) this.timer ??= this.nextTick();
    }, TICK_MS);
    return timer.unref();
  }

  /** A look may take long when the store does; nobody has to wait longer than he wanted for that. */
  private tick(): void {
    this.endWaits();
    if (this.isLooking) return;
    this.isLooking = true;
    this.look()
      .catch((error: unknown) => this.lookFailed(error))
      .finally(() => (this.isLooking = false));
  }

  private endWaits(): void {
    const now = this.clock.now();
    for (const waiters of this.byTask.values()) {
      for (const waiter of waiters) {
        if (now < waiter.deadlineAt) continue;
        this.leave(waiter);
        waiter.timeOut();
      }
    }
  }

  /** Finds ends and events that nobody has told of. */
  private async look(): Promise<void> {
    const now = this.clock.now();
    const waiters = [...this.byTask.values()].flatMap((ofTask) => [...ofTask]);
    await this.catchUpAll(waiters.filter((waiter) => waiter.isListening && waiter.isBehind));
    const due = waiters.filter((waiter) => now - waiter.checkedAt >= LOOK_MS);
    for (const waiter of due) waiter.checkedAt = now;
    for (let from = 0; from < due.length; from += PAGE) {
      const page = due.slice(from, from + PAGE);
      const ids = [...new Set(page.map(({ taskId }) => taskId))];
      const ended = await this.store.endedOf(ids.map(keyOf));
      for (const [index, seq] of ended.entries()) if (seq !== null) this.noteEnd(ids[index]!, { seq });
      await this.catchUpAll(page.filter(({ isListening }) => isListening));
      await nextTurn(); // others have their turn between two pages
    }
  }

  private async catchUpAll(waiters: readonly TaskWaiter[]): Promise<void> {
    const tasks = await this.reader.storedByIds(
      waiters.map(({ taskId }) => taskId),
      null,
      false,
    );
    for (const [index, waiter] of waiters.entries()) {
      const task = tasks[index];
      if (task) await this.catchUp(waiter, task.seq);
    }
  }

  private lookFailed(error: unknown): void {
    this.logger.warn({ err: error }, 'could not look for callers whose tasks have ended; it is tried again');
  }
}

function stopping(): MillraceError {
  const text = 'The server is shutting down. The task goes on: ask for it by its id.';
  return new MillraceError('shutting_down', text, { retryAfterMs: RETRY_MS });
}
