import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../kernel/backoff.js';
import { UpstreamFailure, type FailureKind, type UpstreamAnswer } from './upstream-answer.js';
import { judgeAnswer, judgeFailure, type Verdict } from './verdict.js';

const FIRST = { tries: 0, maxTries: 5, backoff: DEFAULT_BACKOFF };
const LAST = { ...FIRST, tries: 4 };

type Waiting = Extract<Verdict, { kind: 'retry' }>;

function answer(status: number, body = '{"ok":1}', retryAfterMs: number | null = null): UpstreamAnswer {
  return { status, contentType: 'application/json', requestId: null, retryAfterMs, body };
}

describe('a task that has no time for another try', () => {
  it.each([408, 429, 500, 503, 529])('is told of %d', (status) => {
    expect(judgeAnswer(answer(status), null)).toEqual({ kind: 'record', json: { ok: 1 } });
  });

  it('is told that there is no answer that it can have', () => {
    expect(judgeAnswer(answer(200, '<html>'), null)).toMatchObject({
      kind: 'give_up',
      code: 'invalid_upstream_response',
    });
    expect(judgeFailure(new UpstreamFailure('broken', 'gone'), null)).toMatchObject({ kind: 'give_up' });
  });

  it('waits for what nobody has been asked about: there is nothing to tell', () => {
    expect(judgeFailure(new UpstreamFailure('no_storage', 'away'), null)).toMatchObject({ kind: 'pace' });
    expect(judgeFailure(new UpstreamFailure('unreachable', 'away'), null)).toEqual({ kind: 'unreachable' });
  });
});

describe('judgeAnswer', () => {
  it.each([200, 201, 400, 401, 404, 409, 413, 422])('records %d', (status) => {
    expect(judgeAnswer(answer(status), FIRST)).toEqual({ kind: 'record', json: { ok: 1 } });
  });

  it.each([429, 503, 529])('takes %d for the pace of the upstream, however often it comes', (status) => {
    expect(judgeAnswer(answer(status, '', 1500), LAST)).toMatchObject({ kind: 'pace', retryAfterMs: 1500 });
  });

  it.each([408, 500, 502, 504, 520])('tries again after %d', (status) => {
    expect(judgeAnswer(answer(status), FIRST)).toMatchObject({ kind: 'retry', statusCode: status });
  });

  it.each([408, 500, 502])('records %d when the tries are used up', (status) => {
    expect(judgeAnswer(answer(status), LAST)).toMatchObject({ kind: 'record' });
  });

  it('waits as the queue of the task says', () => {
    const verdict = judgeAnswer(answer(500), { ...FIRST, backoff: { firstMs: 7_000, maxMs: 7_000 } }) as Waiting;
    expect(verdict.afterMs).toBeGreaterThanOrEqual(3_500);
    expect(verdict.afterMs).toBeLessThanOrEqual(7_000);
  });

  it('waits at least as long as a failing upstream asked for', () => {
    const verdict = judgeAnswer(answer(500, '', 30_000), FIRST);
    expect(verdict).toMatchObject({ kind: 'retry', afterMs: 30_000 });
  });

  it('records an error page that is not JSON', () => {
    expect(judgeAnswer(answer(404, '<html>'), FIRST)).toEqual({ kind: 'record', json: undefined });
  });

  it.each([
    ['not JSON', 200, '<html>'],
    ['cut off', 200, '{"ok":'],
    ['empty', 200, ''],
    ['an array', 200, '[]'],
    ['a redirect', 302, '{}'],
  ])('never records a good answer that is %s', (_, status, body) => {
    expect(judgeAnswer(answer(status, body), FIRST)).toMatchObject({ kind: 'retry' });
    expect(judgeAnswer(answer(status, body), LAST)).toMatchObject({
      kind: 'give_up',
      code: 'invalid_upstream_response',
    });
  });
});

describe('judgeFailure', () => {
  const failure = (kind: FailureKind) => new UpstreamFailure(kind, 'why');

  it.each(['broken', 'timeout', 'no_body'] as const)('counts %s as a try', (kind) => {
    expect(judgeFailure(failure(kind), FIRST)).toMatchObject({ kind: 'retry', detail: 'why' });
  });

  it.each([
    ['broken', 'upstream_connection_failed'],
    ['timeout', 'request_timeout'],
    ['no_body', 'input_unreadable'],
  ] as const)('gives up after the last %s', (kind, code) => {
    expect(judgeFailure(failure(kind), LAST)).toEqual({ kind: 'give_up', code, message: 'why' });
  });

  it('does not ask twice for what is too large', () => {
    expect(judgeFailure(failure('too_large'), FIRST)).toMatchObject({ kind: 'give_up', code: 'response_too_large' });
  });

  it('never counts an upstream that cannot be reached, nor a call we ended', () => {
    expect(judgeFailure(failure('unreachable'), LAST)).toEqual({ kind: 'unreachable' });
    expect(judgeFailure(failure('aborted'), LAST)).toEqual({ kind: 'aborted' });
  });

  it('waits for storage that cannot be reached, however often', () => {
    expect(judgeFailure(failure('no_storage'), LAST)).toEqual({ kind: 'pace', retryAfterMs: 5_000, statusCode: null });
  });
});
