import { describe, expect, it } from 'vitest';
import { JITTER, judgeDelivery, MAX_TRIES, WAITS_MS, type Outcome } from './callback-verdict.js';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const answered = (status: number, retryAfterMs: number | null = null): Outcome => ({
  kind: 'answer',
  answer: { status, retryAfterMs, text: '' },
});
const NO_ANSWER: Outcome = { kind: 'no_answer', error: 'the receiver could not be reached (ECONNREFUSED)' };
/** In the middle of the jitter. */
const judge = (outcome: Outcome, tries = 0, random = 0.5) => judgeDelivery(outcome, tries, NOW, random);

describe('a try', () => {
  it.each([200, 201, 202, 204, 299])('with the answer %d delivers', (status) => {
    expect(judge(answered(status))).toEqual({ state: 'delivered', availableAt: null, error: null });
  });

  it.each([300, 301, 302, 307, 400, 401, 404, 409, 429, 500, 502, 503])(
    'with the answer %d is made again',
    (status) => {
      const { state, availableAt, error } = judge(answered(status));
      expect({ state, availableAt }).toEqual({ state: 'waiting', availableAt: NOW + WAITS_MS[0]! });
      expect(error).toContain(`(status ${status})`.replace(/[()]/g, status < 400 ? '$&' : ''));
    },
  );

  it('without an answer is made again, and says why', () => {
    expect(judge(NO_ANSWER)).toMatchObject({
      state: 'waiting',
      error: 'the receiver could not be reached (ECONNREFUSED)',
    });
  });

  it('with the answer 410 is the last', () => {
    expect(judge(answered(410))).toEqual({
      state: 'dead',
      availableAt: null,
      error: 'the receiver wants no more of it (status 410)',
    });
  });

  it('of what is gone is the last', () => {
    expect(judge({ kind: 'nothing_to_send', error: 'x' })).toEqual({ state: 'dead', availableAt: null, error: 'x' });
  });
});

describe('the schedule', () => {
  it('ends after a dozen tries', () => {
    expect(MAX_TRIES).toBe(12);
    expect(judge(NO_ANSWER, MAX_TRIES - 2).state).toBe('waiting');
    expect(judge(NO_ANSWER, MAX_TRIES - 1).state).toBe('dead');
    expect(judge(NO_ANSWER, MAX_TRIES + 5).state).toBe('dead');
    expect(judge(answered(200), MAX_TRIES - 1).state).toBe('delivered');
  });

  it('waits longer each time, two to three days in all', () => {
    expect(WAITS_MS.toSorted((a, b) => a - b)).toEqual(WAITS_MS);
    const total = WAITS_MS.reduce((sum, wait) => sum + wait, 0);
    expect(total).toBeGreaterThan(48 * HOUR);
    expect(total).toBeLessThan(72 * HOUR);
  });

  it.each(WAITS_MS.map((waitMs, tries) => [tries, waitMs] as const))(
    'after try %d waits %d ms, more or less',
    (tries, waitMs) => {
      const waits = [0, 0.5, 1].map((random) => judge(NO_ANSWER, tries, random).availableAt! - NOW);
      expect(waits).toEqual([waitMs * (1 - JITTER), waitMs, waitMs * (1 + JITTER)].map(Math.round));
    },
  );
});

describe('Retry-After', () => {
  it.each([429, 503])('of a %d is waited for', (status) => {
    expect(judge(answered(status, 77_000)).availableAt).toBe(NOW + 77_000);
  });

  it('never shortens the schedule', () => {
    expect(judge(answered(429, 1_000), 5).availableAt).toBe(NOW + WAITS_MS[5]!);
  });

  it('of longer than a day is a day', () => {
    expect(judge(answered(503, 90 * 24 * HOUR)).availableAt).toBe(NOW + 24 * HOUR);
  });

  it('of any other answer means nothing', () => {
    expect(judge(answered(500, 77_000)).availableAt).toBe(NOW + WAITS_MS[0]!);
  });
});
