import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { FailedAttempts, MAX_FAILURES, WINDOW_MS } from './failed-attempts.js';

function failing(attempts: FailedAttempts, address: string, times: number): void {
  for (let count = 0; count < times; count += 1) attempts.note(address);
}

describe('wrong keys', () => {
  it('are waited for once there are too many from one address, until the window ends', () => {
    const clock = new FakeClock();
    const attempts = new FailedAttempts(clock);
    failing(attempts, '10.0.0.1', MAX_FAILURES - 1);
    expect(attempts.waitMs('10.0.0.1')).toBe(0);
    clock.advance(1_000);
    attempts.note('10.0.0.1');
    expect(attempts.waitMs('10.0.0.1')).toBe(WINDOW_MS - 1_000);
    expect(attempts.waitMs('10.0.0.2')).toBe(0);
    clock.advance(WINDOW_MS - 1_000);
    expect(attempts.waitMs('10.0.0.1')).toBe(0);
    attempts.note('10.0.0.1');
    expect(attempts.waitMs('10.0.0.1')).toBe(0);
  });

  it('of one IPv6 network count together, those of IPv4 addresses written as IPv6 do not', () => {
    const attempts = new FailedAttempts(new FakeClock());
    failing(attempts, '2001:db8:1:2:aaaa::1', MAX_FAILURES);
    expect(attempts.waitMs('2001:db8:1:2:bbbb::2')).toBeGreaterThan(0);
    expect(attempts.waitMs('2001:db8:1:3::1')).toBe(0);
    failing(attempts, '::ffff:10.0.0.1', MAX_FAILURES);
    expect(attempts.waitMs('::ffff:10.0.0.1')).toBeGreaterThan(0);
    expect(attempts.waitMs('::ffff:10.0.0.2')).toBe(0);
  });

  it('from ever new addresses are not remembered for ever', () => {
    const attempts = new FailedAttempts(new FakeClock());
    failing(attempts, 'first', MAX_FAILURES);
    for (let count = 0; count < 10_000; count += 1) attempts.note(`address ${count}`);
    expect(attempts.waitMs('first')).toBe(0);
  });
});
