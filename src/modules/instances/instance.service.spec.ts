import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import type { AppConfig } from '../../config/app-config.js';
import { MillraceError } from '../../kernel/errors.js';
import type { InstanceStore } from '../../store/instance.store.js';
import { createLogger } from '../../telemetry/logger.js';
import type { HandlerRegistry } from '../handlers/handler-registry.js';
import { BEAT_MS, SILENT_MS } from './instance-policy.js';
import { InstanceService } from './instance.service.js';
import type { LeaseRescue } from './lease-rescue.js';

/** Beats come a tenth of their interval too early or too late. */
const JITTER = 1.1;

describe('InstanceService, where there are others', () => {
  let time: FakeTime;
  /** What the steady clock shows; it goes on in a halt, unlike the timers. */
  let steady: number;
  let answers: (boolean | MillraceError)[];
  let registered: number;
  let instance: InstanceService;

  beforeEach(async () => {
    time = FakeTime.start();
    steady = 1_000_000;
    vi.spyOn(performance, 'now').mockImplementation(() => steady);
    answers = [];
    registered = 0;
    const store = {
      register: async () => (registered += 1),
      neighbours: async () => [],
      end: async () => {},
      beat: async () => {
        const answer = answers.shift() ?? true;
        if (answer instanceof MillraceError) throw answer;
        return answer;
      },
    };
    instance = new InstanceService(
      { role: 'engine' } as AppConfig,
      { isAlone: false },
      store as unknown as InstanceStore,
      { async *takeBackEnded() {} } as unknown as LeaseRescue,
      { handlers: new Map() } as unknown as HandlerRegistry,
      createLogger({ level: 'silent', format: 'json' }),
    );
    await instance.onModuleInit();
    await time.advance(0);
  });
  afterEach(async () => {
    await instance.onApplicationShutdown();
    vi.restoreAllMocks();
    time.stop();
  });

  /** So many beats, as far apart as they are at most. */
  async function live(beats: number): Promise<void> {
    for (let beat = 0; beat < beats; beat += 1) {
      steady += BEAT_MS;
      await time.advance(BEAT_MS * JITTER);
    }
  }

  it('is steady for as long as it has given signs of life', async () => {
    expect(instance.steadyMs).toBe(0);
    await live(9);
    expect(instance.steadyMs).toBe(9 * BEAT_MS);
    expect(instance.steadyMs).toBeLessThan(SILENT_MS);
    await live(1);
    expect(instance.steadyMs).toBe(SILENT_MS);
  });

  it('begins anew after a halt, at whose end everybody else looks dead', async () => {
    await live(20);
    steady += SILENT_MS;
    await live(1);
    expect(instance.steadyMs).toBe(0);
    await live(5);
    expect(instance.steadyMs).toBe(5 * BEAT_MS);
  });

  it('begins anew when the store was away, in which nobody could give a sign', async () => {
    await live(20);
    // More than it can ask for in that time.
    answers = Array.from({ length: 50 }, () => new MillraceError('store_unavailable', 'The store is away.'));
    await live(5);
    // It has not grown since the last sign that counted.
    expect(instance.steadyMs).toBe(20 * BEAT_MS);
    answers = [];
    await live(1);
    expect(instance.steadyMs).toBe(0);
  });

  it('goes on over a sign or two that were lost', async () => {
    await live(5);
    answers = [new MillraceError('store_unavailable', 'The store is busy.')];
    await live(3);
    expect(instance.steadyMs).toBe(8 * BEAT_MS);
  });

  it('goes on as a new one when others took it for dead, and says that its leases are lost', async () => {
    let losses = 0;
    instance.lost.subscribe(() => (losses += 1));
    await live(3);
    answers = [false];
    await live(1);
    expect([instance.seq, losses]).toEqual([2, 1]);
    await live(1);
    expect([instance.seq, losses]).toEqual([2, 1]);
  });
});
