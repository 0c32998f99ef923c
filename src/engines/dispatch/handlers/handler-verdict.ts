/** What an error that a handler threw means for its task. Pure. */
import { backoffMs } from '../../../kernel/backoff.js';
import { messageOf } from '../../../kernel/errors.js';
import type { RetryPolicy } from '../../../kernel/retry-policy.js';
import type { RegisteredHandler } from '../../../modules/handlers/handler-registry.js';
import { TaskFailure } from '../../../modules/handlers/task-handler.js';

export type HandlerVerdict =
  { kind: 'retry'; afterMs: number; detail: string } | { kind: 'give_up'; code: string; message: string };

export interface HandlerTries {
  /** Before this one. */
  tries: number;
  /** Of the queue, with a number of tries for those that name none. */
  policy: RetryPolicy & { maxTries: number };
  /** What comes later than this comes too late; ms. */
  timeLeftMs: number;
  /** Whether the caller of a stream has heard a part of it: another try would say it again. */
  isHeard: boolean;
}

export function judgeError(
  error: unknown,
  { retry }: Pick<RegisteredHandler, 'retry'>,
  at: HandlerTries,
): HandlerVerdict {
  const code = codeOf(error);
  const message = messageOf(error);
  const tries = at.tries + 1;
  const { maxTries, backoff } = at.policy;
  const { firstBackoffMs: firstMs = backoff.firstMs, maxBackoffMs: maxMs = backoff.maxMs } = retry;
  const afterMs = backoffMs(tries, { firstMs, maxMs: Math.max(firstMs, maxMs) });
  const isLast = at.isHeard || isFinal(error) || tries >= (retry.maxTries ?? maxTries) || afterMs >= at.timeLeftMs;
  return isLast ? { kind: 'give_up', code, message } : { kind: 'retry', afterMs, detail: `${code}: ${message}` };
}

/** By name, not by class: the file of handlers may have a copy of it. */
function isTaskFailure(error: unknown): error is TaskFailure {
  return error instanceof Error && error.name === 'TaskFailure';
}

function codeOf(error: unknown): string {
  return isTaskFailure(error) ? error.code : 'handler_failed';
}

function isFinal(error: unknown): boolean {
  return isTaskFailure(error) && !error.isRetryable;
}
