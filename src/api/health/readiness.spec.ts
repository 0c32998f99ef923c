import { describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import type { AppConfig, Role } from '../../config/app-config.js';
import type { Broker } from '../../ports/broker.js';
import type { HealthStore } from '../../store/health.store.js';
import { createLogger } from '../../telemetry/logger.js';
import { ServerPhase } from '../common/server-phase.js';
import { Readiness } from './readiness.js';

function make(probeWrite: () => Promise<void>, time: FakeTime, role: Role = 'all') {
  const phase = new ServerPhase();
  const logger = createLogger({ level: 'silent', format: 'json' });
  const broker: { problem: string | null } = { problem: null };
  const config = { role } as AppConfig;
  const store = { probeWrite } as HealthStore;
  return { phase, broker, readiness: new Readiness(phase, store, broker as Broker, config, time.clock, logger) };
}

describe('readiness', () => {
  it('follows the life of the server, and there is no way back', async () => {
    const time = FakeTime.start();
    const { phase, readiness } = make(async () => {}, time);
    const states = [await readiness.report()];
    phase.serve();
    states.push(await readiness.report());
    phase.stop();
    phase.serve();
    states.push(await readiness.report());
    expect(states.map(({ isReady, checks }) => [isReady, checks['server']!.detail])).toEqual([
      [false, 'starting'],
      [true, 'serving'],
      [false, 'stopping'],
    ]);
    time.stop();
  });

  it('ends with a store that takes no writes and returns with it, and asks it every few seconds at most', async () => {
    const time = FakeTime.start();
    let probes = 0;
    let isBroken = false;
    const { phase, readiness } = make(async () => {
      probes += 1;
      if (isBroken) throw new Error('disk is gone');
    }, time);
    phase.serve();
    for (let count = 0; count < 3; count += 1) expect((await readiness.report()).isReady).toBe(true);
    expect(probes).toBe(1);
    isBroken = true;
    await time.advance(5_000);
    expect(await readiness.report()).toMatchObject({
      isReady: false,
      checks: { store: { isOk: false, detail: 'disk is gone' } },
    });
    isBroken = false;
    await time.advance(5_000);
    expect((await readiness.report()).isReady).toBe(true);
    expect(probes).toBe(3);
    time.stop();
  });

  it.each([
    ['all', true],
    ['api', true],
    ['engine', false],
  ] as const)('of the role %s without calls is %s, and they are told of either way', async (role, isReady) => {
    const time = FakeTime.start();
    const { phase, broker, readiness } = make(async () => {}, time, role);
    phase.serve();
    expect(await readiness.report()).toMatchObject({ isReady: true, checks: { calls: { isOk: true } } });
    broker.problem = 'Redis is away';
    const calls = { isOk: false, isVital: !isReady, detail: 'Redis is away' };
    expect(await readiness.report()).toMatchObject({ isReady, checks: { calls } });
    broker.problem = null;
    expect((await readiness.report()).isReady).toBe(true);
    time.stop();
  });

  it('does not wait for ever for a store that hangs', async () => {
    const time = FakeTime.start();
    const { phase, readiness } = make(() => new Promise(() => {}), time);
    phase.serve();
    const report = readiness.report();
    await time.advance(3_000);
    expect(await report).toMatchObject({ isReady: false, checks: { store: { isOk: false } } });
    expect(time.timers()).toBe(0);
    time.stop();
  });
});
