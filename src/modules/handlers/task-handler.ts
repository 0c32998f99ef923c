/**
 * All that a file of handlers needs of Millrace.
 *
 *   class Thumbnails {
 *     @TaskHandler('thumbnail', { concurrency: 4 })
 *     async make(task: HandlerTask, { signal, progress }: HandlerContext) { … return { url }; }
 *   }
 *
 * In plain JavaScript, which has no decorators yet, call it: `TaskHandler('thumbnail')(Thumbnails.prototype, 'make')`.
 */
import 'reflect-metadata';

/** A task in the hands of its handler. Instants are epoch ms. */
export interface HandlerTask {
  id: string;
  type: string;
  /** What was put, parsed. */
  data: unknown;
  queue: string;
  level: number;
  traceId: string | null;
  /** 1 at the first try. */
  attempt: number;
  enqueuedAt: number;
  /** When it will be ended if it has not ended by then; null for never. */
  expiresAt: number | null;
}

export interface HandlerContext {
  /** Fires when the result is not wanted any more: the task was cancelled, its time is over, or the server stops. */
  signal: AbortSignal;
  /** Says something to whoever listens to the task; any JSON value. */
  progress: (data: unknown, event?: { id?: string; name?: string }) => void;
}

/** What it returns becomes the body of the answer, with status 200. Any JSON value; nothing becomes `null`. */
export type TaskHandlerFunction = (task: HandlerTask, context: HandlerContext) => Promise<unknown>;

export interface HandlerOptions {
  /** How many run at the same time in one process; 1 unless given. */
  concurrency?: number;
  /** What is left out is as the task's queue says. */
  retry?: { maxTries?: number; firstBackoffMs?: number; maxBackoffMs?: number };
}

/** Thrown by a handler that knows why it failed. Any other error counts as `handler_failed`, and is tried again. */
export class TaskFailure extends Error {
  readonly code: string;
  readonly isRetryable: boolean;

  constructor(code: string, message: string, { isRetryable = false }: { isRetryable?: boolean } = {}) {
    super(message);
    this.name = 'TaskFailure';
    this.code = code;
    this.isRetryable = isRetryable;
  }
}

/** Under it a method carries the types that it handles. A text: the file of handlers may have a copy of this module. */
export const HANDLED_TYPES = 'millrace:handled-types';

export interface HandledType {
  type: string;
  options: HandlerOptions;
}

/** Makes a method of a provider the one that runs the tasks of a type, here and in no other place. */
export function TaskHandler(type: string, options: HandlerOptions = {}) {
  return (target: object, method: string | symbol): void => {
    const run = (target as Record<string | symbol, unknown>)[method];
    if (typeof run !== 'function') {
      throw new TypeError(`TaskHandler('${type}') is for methods, and '${String(method)}' is none.`);
    }
    const handled = (Reflect.getMetadata(HANDLED_TYPES, run) as HandledType[] | undefined) ?? [];
    Reflect.defineMetadata(HANDLED_TYPES, [...handled, { type, options }], run);
  };
}
