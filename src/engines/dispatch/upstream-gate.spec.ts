import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import type { Limiter } from '../../ports/limiter.js';
import { UpstreamGate } from './upstream-gate.js';

describe('a gate whose upstream says "too many"', () => {
  const limiter = { pause: vi.fn(), pausedUntil: vi.fn() };
  let clock: FakeClock;
  let gate: UpstreamGate;

  beforeEach(() => {
    vi.clearAllMocks();
    clock = new FakeClock();
    const upstream = { name: 'u', concurrency: 8 } as Upstream;
    gate = new UpstreamGate(upstream, limiter as unknown as Limiter, clock, {
      upstreamBroke: vi.fn(),
      upstreamMended: vi.fn(),
    });
  });

  it('pauses for nobody who does not wait', () => {
    expect(gate.slowDown(3_000)).toBe(3_000);
    expect(limiter.pause).not.toHaveBeenCalled();
    gate.pause(3_000);
    expect(limiter.pause.mock.calls.map(([, until]) => (until as number) - clock.now())).toEqual([3_000]);
  });

  it('rests ten minutes at most, whatever is asked for', () => {
    expect(gate.slowDown(3_600_000)).toBe(600_000);
  });

  it('backs off until the same instant for all calls that were in flight together, and longer each time', () => {
    const first = gate.slowDown(null);
    expect(first).toBeGreaterThanOrEqual(250);
    clock.advance(100);
    expect(Array.from({ length: 20 }, () => gate.slowDown(null))).toEqual(
      Array.from({ length: 20 }, () => first - 100),
    );
    clock.advance(1_000);
    const second = gate.slowDown(null);
    expect(second).toBeGreaterThanOrEqual(500);
    clock.advance(1_000);
    expect(gate.slowDown(null)).toBeGreaterThanOrEqual(1_000);
    gate.speedUp();
    clock.advance(2_000);
    expect(gate.slowDown(null)).toBeLessThanOrEqual(500);
  });

  it('backs off anew when it is told again after the end of that, however soon', () => {
    clock.advance(gate.slowDown(null));
    expect(gate.slowDown(null)).toBeGreaterThanOrEqual(250);
  });

  it('knows what is left of a pause, whoever began it', async () => {
    limiter.pausedUntil.mockResolvedValueOnce(clock.now() + 700).mockResolvedValueOnce(null);
    expect([await gate.pauseLeftMs(), await gate.pauseLeftMs()]).toEqual([700, 0]);
  });
});
