import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/kernel/clock.js';
import type { Limiter, PermitLimits } from '../../src/ports/limiter.js';
import { Inbox } from '../support/inbox.js';

export interface LimiterSubject {
  /** No permit is out and no key is paused at the start of a test. */
  limiter: Limiter;
  /** The clock that the limiter goes by. */
  clock: Clock;
  /** Lets time pass for the limiter; one that lives in real time may take as long. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

const KEY = 'up_a';
const OTHER_KEY = 'up_b';
const PRECEDENCE_MS = 200;
const MINUTE_MS = 60_000;

/** What every limiter promises; see `src/ports/limiter.ts`. */
export function exerciseLimiter(makeSubject: () => Promise<LimiterSubject>): void {
  const fixture = {} as LimiterSubject;

  beforeEach(async () => {
    Object.assign(fixture, await makeSubject());
  });
  afterEach(() => fixture.dispose());

  describe('permits', () => exercisePermits(fixture));
  describe('levels', () => exerciseLevels(fixture));
  describe('pauses', () => exercisePauses(fixture));
  describe('rates', () => exerciseRates(fixture));
  describe('looks at a rate', () => exerciseLooksAtRates(fixture));
  describe('freed', () => exerciseFreed(fixture));
}

const atOnce = (concurrency: number): PermitLimits => ({ concurrency, perMinute: null });
const perMinute = (limit: number): PermitLimits => ({ concurrency: 1_000, perMinute: limit });

function exercisePermits(fixture: LimiterSubject): void {
  it('are granted as asked while there are enough, and counted as the process says that holds them', async () => {
    expect(await fixture.limiter.callRoll(1, [])).toEqual([]);
    expect(await fixture.limiter.acquire(KEY, 0, 3, atOnce(10))).toBe(3);
    fixture.limiter.answerFor(1, KEY, 9);
    expect(await fixture.limiter.acquire(KEY, 0, 7, atOnce(10))).toBe(7);
    expect(await fixture.limiter.inUse(KEY)).toBe(10);
  });

  it('are granted in part when there are fewer, and not at all when there are none', async () => {
    expect(await fixture.limiter.acquire(KEY, 0, 100, atOnce(10))).toBe(10);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    expect(await fixture.limiter.inUse(KEY)).toBe(10);
  });

  it('can be had again when they came back', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    fixture.limiter.release(KEY, 4);
    expect(await fixture.limiter.inUse(KEY)).toBe(6);
    expect(await fixture.limiter.acquire(KEY, 0, 100, atOnce(10))).toBe(4);
  });

  it('that are surplus go to the next who asks', async () => {
    const granted = await fixture.limiter.acquire(KEY, 0, 100, atOnce(10));
    const needed = 3;
    fixture.limiter.release(KEY, granted - needed);
    expect(await fixture.limiter.acquire(KEY, 1, 100, atOnce(10))).toBe(7);
  });

  it('are counted for each key by itself', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    expect(await fixture.limiter.inUse(OTHER_KEY)).toBe(0);
    expect(await fixture.limiter.acquire(OTHER_KEY, 0, 5, atOnce(10))).toBe(5);
    fixture.limiter.release(OTHER_KEY, 5);
    expect(await fixture.limiter.inUse(KEY)).toBe(10);
  });

  it('are never more than the limit, however many ask at once', async () => {
    const asks = Array.from({ length: 100 }, (_, at) => fixture.limiter.acquire(KEY, 0, 1 + (at % 5), atOnce(64)));
    const granted = await Promise.all(asks);
    expect(granted.reduce((sum, count) => sum + count, 0)).toBe(64);
    expect(granted.slice(0, 5)).toEqual([1, 2, 3, 4, 5]); // who asked first
    expect(await fixture.limiter.inUse(KEY)).toBe(64);
  });

  it('follow a limit that is changed', async () => {
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(4))).toBe(4);
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(6))).toBe(2);
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(2))).toBe(0);
    fixture.limiter.release(KEY, 3);
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(2))).toBe(0);
    fixture.limiter.release(KEY, 2);
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(2))).toBe(1);
    expect(await fixture.limiter.acquire(OTHER_KEY, 0, 10, atOnce(0))).toBe(0);
  });

  it('do not multiply when more come back than were out', async () => {
    await fixture.limiter.acquire(KEY, 0, 2, atOnce(10));
    fixture.limiter.release(KEY, 5);
    expect(await fixture.limiter.inUse(KEY)).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 0, 100, atOnce(10))).toBe(10);
  });

  it('may be asked for by nobody', async () => {
    expect(await fixture.limiter.acquire(KEY, 0, 0, atOnce(10))).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 5, 1, atOnce(10))).toBe(1);
  });
}

function exerciseLevels(fixture: LimiterSubject): void {
  /** All permits are out, `level` asks in vain, and one comes back. */
  const refuseThenFree = async (level: number): Promise<void> => {
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    expect(await fixture.limiter.acquire(KEY, level, 1, atOnce(10))).toBe(0);
    fixture.limiter.release(KEY, 4);
  };

  it('go in order: a refused one is served before any higher', async () => {
    await refuseThenFree(0);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 9, 1, atOnce(10))).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
  });

  it('keep their precedence for 200 ms after they asked', async () => {
    await refuseThenFree(0);
    await fixture.advance(PRECEDENCE_MS / 2);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(0);
    await fixture.advance(PRECEDENCE_MS / 2);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(1);
  });

  it('keep it longer when they ask again', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    for (let asked = 0; asked < 4; asked += 1) {
      expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
      await fixture.advance(PRECEDENCE_MS / 2);
    }
    fixture.limiter.release(KEY, 1);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(0);
  });

  it('lose it once they were granted something', async () => {
    await refuseThenFree(0);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(1);
  });

  it('have no precedence from a grant in part', async () => {
    expect(await fixture.limiter.acquire(KEY, 0, 100, atOnce(10))).toBe(10);
    fixture.limiter.release(KEY, 9);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(1);
  });

  it('never wait for themselves or for a higher one', async () => {
    await refuseThenFree(5);
    expect(await fixture.limiter.acquire(KEY, 6, 1, atOnce(10))).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
    expect(await fixture.limiter.acquire(KEY, 4, 1, atOnce(10))).toBe(1);
    expect(await fixture.limiter.acquire(KEY, 5, 1, atOnce(10))).toBe(1);
  });

  it('of one key are nothing to another', async () => {
    await refuseThenFree(0);
    expect(await fixture.limiter.acquire(OTHER_KEY, 9, 1, atOnce(10))).toBe(1);
  });
}

function exercisePauses(fixture: LimiterSubject): void {
  it('withhold permits until they end', async () => {
    fixture.limiter.pause(KEY, fixture.clock.now() + 1_000);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    await fixture.advance(500);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    await fixture.advance(500);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
  });

  it('are told of while they last', async () => {
    expect(await fixture.limiter.pausedUntil(KEY)).toBeNull();
    const until = fixture.clock.now() + 1_000;
    fixture.limiter.pause(KEY, until);
    expect(await fixture.limiter.pausedUntil(KEY)).toBe(until);
    expect(await fixture.limiter.pausedUntil(OTHER_KEY)).toBeNull();
    await fixture.advance(1_000);
    expect(await fixture.limiter.pausedUntil(KEY)).toBeNull();
  });

  it('may be prolonged, and are never shortened', async () => {
    const now = fixture.clock.now();
    fixture.limiter.pause(KEY, now + 1_000);
    fixture.limiter.pause(KEY, now + 400);
    expect(await fixture.limiter.pausedUntil(KEY)).toBe(now + 1_000);
    fixture.limiter.pause(KEY, now + 3_000);
    await fixture.advance(1_000);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    expect(await fixture.limiter.pausedUntil(KEY)).toBe(now + 3_000);
  });

  it('that are over when they are asked for are none', async () => {
    fixture.limiter.pause(KEY, fixture.clock.now());
    fixture.limiter.pause(KEY, fixture.clock.now() - 1_000);
    expect(await fixture.limiter.pausedUntil(KEY)).toBeNull();
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
  });

  it('leave the permits that are out, and other keys, alone', async () => {
    await fixture.limiter.acquire(KEY, 0, 3, atOnce(10));
    fixture.limiter.pause(KEY, fixture.clock.now() + 1_000);
    expect(await fixture.limiter.inUse(KEY)).toBe(3);
    fixture.limiter.release(KEY, 2);
    expect(await fixture.limiter.inUse(KEY)).toBe(1);
    expect(await fixture.limiter.acquire(OTHER_KEY, 0, 1, atOnce(10))).toBe(1);
  });
}

function exerciseRates(fixture: LimiterSubject): void {
  it('give so many permits a minute, whether they come back or not', async () => {
    expect(await fixture.limiter.acquire(KEY, 0, 100, perMinute(10))).toBe(10);
    fixture.limiter.release(KEY, 10);
    expect(await fixture.limiter.acquire(KEY, 0, 1, perMinute(10))).toBe(0);
    await fixture.advance(MINUTE_MS);
    expect(await fixture.limiter.acquire(KEY, 0, 100, perMinute(10))).toBe(10);
  });

  it('hold in any minute, not in those of the clock only', async () => {
    const given: Array<{ at: number; count: number }> = [];
    for (let step = 0; step < 60; step += 1) {
      const count = await fixture.limiter.acquire(KEY, 0, 1 + (step % 7), perMinute(20));
      given.push({ at: fixture.clock.now(), count });
      await fixture.advance(4_300);
    }
    const inMinuteFrom = (start: number) =>
      given.filter(({ at }) => at >= start && at < start + MINUTE_MS).reduce((sum, { count }) => sum + count, 0);
    for (const { at } of given) expect(inMinuteFrom(at)).toBeLessThanOrEqual(20);
    const total = given.reduce((sum, { count }) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(80);
  });

  it('hold beside the limit of permits at once', async () => {
    const limits = { concurrency: 4, perMinute: 6 };
    expect(await fixture.limiter.acquire(KEY, 0, 100, limits)).toBe(4);
    fixture.limiter.release(KEY, 4);
    expect(await fixture.limiter.acquire(KEY, 0, 100, limits)).toBe(2);
    fixture.limiter.release(KEY, 2);
    expect(await fixture.limiter.acquire(KEY, 0, 100, limits)).toBe(0);
  });

  it('follow a limit that is changed', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, perMinute(10));
    expect(await fixture.limiter.acquire(KEY, 0, 10, perMinute(15))).toBe(5);
    expect(await fixture.limiter.acquire(KEY, 0, 10, perMinute(3))).toBe(0);
    expect(await fixture.limiter.acquire(KEY, 0, 10, atOnce(1_000))).toBe(10);
  });

  it('are counted for each key by itself', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, perMinute(10));
    expect(await fixture.limiter.acquire(OTHER_KEY, 0, 10, perMinute(10))).toBe(10);
  });
}

function exerciseLooksAtRates(fixture: LimiterSubject): void {
  it('tell when the rate allows more, and nothing while it does', async () => {
    const { limiter, clock } = fixture;
    expect(await limiter.rateOpensAt(KEY, 10)).toBeNull();
    await limiter.acquire(KEY, 0, 9, perMinute(10));
    expect(await limiter.rateOpensAt(KEY, 10)).toBeNull();
    await fixture.advance(1_000);
    const spentAt = clock.now();
    expect(await limiter.acquire(KEY, 0, 9, perMinute(10))).toBe(1);
    expect(await limiter.rateOpensAt(KEY, 10)).toBe(spentAt - 1_000 + MINUTE_MS);
    await fixture.advance(MINUTE_MS - 1_000);
    expect(await limiter.rateOpensAt(KEY, 10)).toBeNull();
    expect(await limiter.acquire(KEY, 0, 100, perMinute(10))).toBe(9);
  });

  it('go by the rate that is asked after', async () => {
    const givenAt = fixture.clock.now();
    await fixture.limiter.acquire(KEY, 0, 10, perMinute(10));
    expect(await fixture.limiter.rateOpensAt(KEY, 11)).toBeNull();
    expect(await fixture.limiter.rateOpensAt(KEY, 1)).toBe(givenAt + MINUTE_MS);
    expect(await fixture.limiter.rateOpensAt(OTHER_KEY, 1)).toBeNull();
  });

  it('do not count permits that came back unused, and do not count as asking', async () => {
    await fixture.limiter.acquire(KEY, 0, 10, perMinute(10));
    fixture.limiter.release(KEY, 4, 4);
    await fixture.limiter.inUse(KEY); // what was given back has arrived
    expect(await fixture.limiter.rateOpensAt(KEY, 10)).toBeNull();
    expect(await fixture.limiter.rateOpensAt(KEY, 6)).not.toBeNull();
    expect(await fixture.limiter.acquire(KEY, 9, 100, perMinute(10))).toBe(4);
  });
}

function exerciseFreed(fixture: LimiterSubject): void {
  const listen = (limiter: Limiter): Inbox<string> => {
    const inbox = new Inbox<string>();
    limiter.freed.subscribe(inbox.add);
    return inbox;
  };

  it('tells of permits that came back to one who was refused', async () => {
    const inboxes = [listen(fixture.limiter), listen(fixture.limiter)];
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    fixture.limiter.release(KEY, 1);
    for (const inbox of inboxes) expect(await inbox.first(1)).toEqual([KEY]);
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
  });

  it('tells of permits that came back to one who got fewer than asked for', async () => {
    const inbox = listen(fixture.limiter);
    expect(await fixture.limiter.acquire(KEY, 0, 100, atOnce(10))).toBe(10);
    fixture.limiter.release(KEY, 1);
    expect(await inbox.first(1)).toEqual([KEY]);
  });

  it('tells again after each refusal', async () => {
    const inbox = listen(fixture.limiter);
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    for (let told = 1; told <= 5; told += 1) {
      expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
      fixture.limiter.release(KEY, 1);
      await inbox.first(told);
      expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(1);
    }
  });

  it('tells of the end of a pause, even if nobody asked meanwhile', async () => {
    const inbox = listen(fixture.limiter);
    fixture.limiter.pause(KEY, fixture.clock.now() + 1_000);
    await fixture.advance(1_000);
    expect(await inbox.first(1)).toEqual([KEY]);
  });

  it('tells of the end of a pause that was prolonged, not before', async () => {
    const inbox = listen(fixture.limiter);
    const until = fixture.clock.now() + 3_000;
    fixture.limiter.pause(KEY, fixture.clock.now() + 1_000);
    fixture.limiter.pause(KEY, until);
    await fixture.advance(2_000);
    await expectOnlyOther(fixture, inbox);
    await fixture.advance(1_000);
    expect(await inbox.first(2)).toEqual([OTHER_KEY, KEY]);
  });

  it('does not tell of permits that came back into a pause', async () => {
    const inbox = listen(fixture.limiter);
    await fixture.limiter.acquire(KEY, 0, 100, atOnce(10));
    fixture.limiter.pause(KEY, fixture.clock.now() + 1_000);
    fixture.limiter.release(KEY, 10);
    await expectOnlyOther(fixture, inbox);
    await fixture.advance(1_000);
    expect(await inbox.first(2)).toEqual([OTHER_KEY, KEY]);
  });

  it('tells when the rate allows more', async () => {
    const inbox = listen(fixture.limiter);
    await fixture.limiter.acquire(KEY, 0, 5, perMinute(10));
    await fixture.advance(MINUTE_MS / 2);
    expect(await fixture.limiter.acquire(KEY, 0, 100, perMinute(10))).toBe(5);
    fixture.limiter.release(KEY, 10);
    await fixture.limiter.inUse(KEY); // what was given back has arrived
    await fixture.advance(MINUTE_MS / 2);
    expect(await inbox.first(1)).toEqual([KEY]);
    expect(await fixture.limiter.acquire(KEY, 0, 100, perMinute(10))).toBe(5);
  });

  it('tells when a lower level has lost its precedence', async () => {
    const inbox = listen(fixture.limiter);
    await fixture.limiter.acquire(KEY, 0, 10, atOnce(10));
    expect(await fixture.limiter.acquire(KEY, 0, 1, atOnce(10))).toBe(0);
    fixture.limiter.release(KEY, 1);
    await inbox.first(1); // level 0 does not come for it
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(0);
    await fixture.advance(PRECEDENCE_MS);
    expect(await inbox.first(2)).toEqual([KEY, KEY]);
    expect(await fixture.limiter.acquire(KEY, 1, 1, atOnce(10))).toBe(1);
  });

  it('may be listened to by one who throws', async () => {
    fixture.limiter.freed.subscribe(() => {
      throw new Error('listener failed');
    });
    const inbox = listen(fixture.limiter);
    fixture.limiter.pause(KEY, fixture.clock.now() + 10);
    await fixture.advance(10);
    expect(await inbox.first(1)).toEqual([KEY]);
  });
}

/** Makes the other key free: what the limiter had to tell before, it has told then. */
async function expectOnlyOther(fixture: LimiterSubject, inbox: Inbox<string>): Promise<void> {
  await fixture.limiter.acquire(OTHER_KEY, 0, 2, atOnce(1));
  fixture.limiter.release(OTHER_KEY, 1);
  expect(await inbox.first(1)).toEqual([OTHER_KEY]);
}
