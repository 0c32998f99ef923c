import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalEventBus } from '../../adapters/local/local-event-bus.js';
import type { UpstreamCondition } from '../../kernel/upstream-condition.js';
import type { Upstream } from './upstream.js';
import { UpstreamHealth } from './upstream-health.js';

const UPSTREAM = { seq: 7, fingerprint: 'a' } as Upstream;
const WELL: UpstreamCondition = { allowed: 8, isReduced: false, broken: null };
const ILL: UpstreamCondition = { allowed: 1, isReduced: true, broken: { since: 5, reason: 'it was not reachable' } };

let bus: LocalEventBus;
let caller: UpstreamHealth;
let other: UpstreamHealth;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  bus = new LocalEventBus({
    onError: (error) => {
      throw error;
    },
  });
  caller = new UpstreamHealth(bus);
  other = new UpstreamHealth(bus);
  for (const health of [caller, other]) health.onModuleInit();
});
afterEach(async () => {
  for (const health of [caller, other]) health.onModuleDestroy();
  await bus.close();
  vi.useRealTimers();
});

async function advance(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe('the health of an upstream', () => {
  it('is known in other processes while it is ill, and when it is well again', async () => {
    let now = WELL;
    caller.tell(UPSTREAM, () => now);
    await advance(2_000);
    expect([caller.of(UPSTREAM), other.of(UPSTREAM)]).toEqual([WELL, null]);
    now = ILL;
    await advance(2_000);
    expect(other.of(UPSTREAM)).toEqual(ILL);
    now = WELL;
    await advance(2_000);
    expect(other.of(UPSTREAM)).toEqual(WELL);
  });

  it('is forgotten when nobody says it any more, or when it is another server by now', async () => {
    caller.tell(UPSTREAM, () => ILL);
    await advance(2_000);
    expect(other.of({ ...UPSTREAM, fingerprint: 'b' })).toBeNull();
    expect(other.of(UPSTREAM)).toEqual(ILL);
    caller.onModuleDestroy();
    await advance(6_000);
    expect(other.of(UPSTREAM)).toBeNull();
  });
});
