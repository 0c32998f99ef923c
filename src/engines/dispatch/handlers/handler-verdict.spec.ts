import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../kernel/backoff.js';
import { TaskFailure } from '../../../modules/handlers/task-handler.js';
import { judgeError, type HandlerTries } from './handler-verdict.js';

const FIRST: HandlerTries = {
  tries: 0,
  policy: { maxTries: 3, backoff: DEFAULT_BACKOFF },
  timeLeftMs: Number.POSITIVE_INFINITY,
  isHeard: false,
};
const PLAIN = { retry: {} };
const error = new Error('no paper');

describe('judgeError', () => {
  it('has another try, after a while', () => {
    const verdict = judgeError(error, PLAIN, FIRST);
    expect(verdict).toMatchObject({ kind: 'retry', detail: 'handler_failed: no paper' });
    expect((verdict as { afterMs: number }).afterMs).toBeGreaterThanOrEqual(500);
  });

  it.each([
    ['was the last', { tries: 2 }],
    ['came too late for another', { timeLeftMs: 100 }],
    ['has been heard', { isHeard: true }],
  ])('gives up when the try %s', (_, over) => {
    expect(judgeError(error, PLAIN, { ...FIRST, ...over })).toEqual({
      kind: 'give_up',
      code: 'handler_failed',
      message: 'no paper',
    });
  });

  it('lets the handler say more, or less, than its queue', () => {
    expect(judgeError(error, { retry: { maxTries: 1 } }, FIRST).kind).toBe('give_up');
    const patient = { retry: { maxTries: 9, firstBackoffMs: 600_000 } };
    const verdict = judgeError(error, patient, { ...FIRST, tries: 5 });
    expect((verdict as { afterMs: number }).afterMs).toBeGreaterThanOrEqual(300_000);
  });

  it('believes a handler that knows why it failed', () => {
    const final = new TaskFailure('no_text', 'there is none');
    expect(judgeError(final, PLAIN, FIRST)).toEqual({ kind: 'give_up', code: 'no_text', message: 'there is none' });
    const passing = new TaskFailure('busy', 'later', { isRetryable: true });
    expect(judgeError(passing, PLAIN, FIRST)).toMatchObject({ kind: 'retry', detail: 'busy: later' });
  });

  it('takes anything for an error', () => {
    expect(judgeError('thrown text', { retry: { maxTries: 1 } }, FIRST)).toMatchObject({ message: 'thrown text' });
  });
});
