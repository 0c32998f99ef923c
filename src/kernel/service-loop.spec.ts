import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeTime } from '../../test/support/fake-time.js';
import { Gate, Inbox, settle } from '../../test/support/inbox.js';
import { ServiceLoop, type ServiceLoopOptions } from './service-loop.js';

const INTERVAL_MS = 1_000;

describe('ServiceLoop', () => {
  let time: FakeTime;
  let steps: Inbox<number>;
  let errors: Inbox<unknown>;
  let step: () => Promise<boolean | void>;
  let loop: ServiceLoop;

  beforeEach(() => {
    time = FakeTime.start();
    vi.spyOn(Math, 'random').mockReturnValue(0.5); // the middle of the jitter: the interval itself
    steps = new Inbox();
    errors = new Inbox();
    step = async () => false;
    loop = makeLoop();
  });

  const makeLoop = (options: Partial<ServiceLoopOptions> = {}): ServiceLoop =>
    new ServiceLoop({
      name: 'test',
      intervalMs: INTERVAL_MS,
      step: () => {
        steps.add(time.clock.now());
        return step();
      },
      onError: errors.add,
      ...options,
    });

  afterEach(async () => {
    await loop.stop();
    vi.restoreAllMocks();
    time.stop();
  });

  it('does nothing before it is started', async () => {
    loop.wake();
    await time.advance(10 * INTERVAL_MS);
    expect(steps.items).toEqual([]);
  });

  it('steps at once, and then each interval', async () => {
    loop.start();
    await steps.first(1);
    await time.advance(INTERVAL_MS - 1);
    expect(steps.items).toHaveLength(1);
    await time.advance(1);
    expect(steps.items).toHaveLength(2);
    await time.advance(3 * INTERVAL_MS);
    expect(steps.items).toHaveLength(5);
  });

  it.each([
    [0, 900],
    [1, 1_100],
  ])('jitters the interval: a random %s makes %s ms of it', async (random, intervalMs) => {
    vi.mocked(Math.random).mockReturnValue(random);
    loop.start();
    await time.advance(intervalMs - 1);
    expect(steps.items).toHaveLength(1);
    await time.advance(1);
    expect(steps.items).toHaveLength(2);
  });

  it('waits the interval from the end of a step, and never runs two', async () => {
    const gate = new Gate();
    step = () => gate.opened;
    loop.start();
    await steps.first(1);
    await time.advance(5 * INTERVAL_MS);
    expect(steps.items).toHaveLength(1);
    gate.open();
    await settle();
    await time.advance(INTERVAL_MS - 1);
    expect(steps.items).toHaveLength(1);
    await time.advance(1);
    expect(steps.items).toHaveLength(2);
  });

  it('steps again at once while there is more', async () => {
    step = async () => steps.items.length < 5;
    loop.start();
    const [first, , , , fifth] = await steps.first(5);
    expect(fifth).toBe(first);
    await settle();
    expect(steps.items).toHaveLength(5);
  });

  it('steps when it is woken, without waiting', async () => {
    loop.start();
    await steps.first(1);
    await settle();
    loop.wake();
    await steps.first(2);
    expect(new Set(steps.items).size).toBe(1);
    expect(time.timers()).toBe(1);
  });

  it('makes one further step of many wakes during a step', async () => {
    const gate = new Gate();
    step = () => gate.opened;
    loop.start();
    await steps.first(1);
    for (let wake = 0; wake < 10; wake += 1) loop.wake();
    gate.open();
    await steps.first(2);
    await settle();
    expect(steps.items).toHaveLength(2);
  });

  it('may be started twice', async () => {
    loop.start();
    loop.start();
    await time.advance(INTERVAL_MS);
    expect(steps.items).toHaveLength(2);
  });

  describe('stopping', () => {
    it('waits for the running step', async () => {
      const gate = new Gate();
      step = () => gate.opened;
      loop.start();
      await steps.first(1);
      let isStopped = false;
      const stopped = loop.stop().then(() => (isStopped = true));
      await settle();
      expect(isStopped).toBe(false);
      gate.open();
      await stopped;
      expect(time.timers()).toBe(0);
    });

    it('ends a pause, and leaves no timer', async () => {
      loop.start();
      await steps.first(1);
      await settle();
      expect(time.timers()).toBe(1);
      await loop.stop();
      expect(time.timers()).toBe(0);
      await time.advance(5 * INTERVAL_MS);
      expect(steps.items).toHaveLength(1);
    });

    it('ends a loop that always has more', async () => {
      step = async () => {
        await settle();
        return true;
      };
      loop.start();
      await steps.first(3);
      await loop.stop();
      const { length } = steps.items;
      await settle();
      expect(steps.items).toHaveLength(length);
    });

    it('may be done twice and before the start, and the loop may be started again', async () => {
      await loop.stop();
      loop.start();
      await steps.first(1);
      await Promise.all([loop.stop(), loop.stop()]);
      loop.wake();
      loop.start();
      expect(await steps.first(2)).toHaveLength(2);
    });

    it('keeps hold of a loop that is started while another stop returns', async () => {
      loop.start();
      await steps.first(1);
      await Promise.all([loop.stop().then(() => loop.start()), loop.stop()]);
      await steps.first(2);
      await loop.stop();
      expect(time.timers()).toBe(0);
    });
  });

  describe('a step that throws', () => {
    it('is reported, and the loop goes on', async () => {
      step = () => Promise.reject(new Error(`step ${steps.items.length} failed`));
      loop.start();
      expect(await errors.first(1)).toMatchObject([{ message: 'step 1 failed' }]);
      await time.advance(2 * INTERVAL_MS);
      expect(errors.items).toMatchObject([{ message: 'step 1 failed' }, { message: 'step 2 failed' }]);
    });

    it('may throw before its first await', async () => {
      step = () => {
        throw new Error('at once');
      };
      loop.start();
      expect(await errors.first(1)).toMatchObject([{ message: 'at once' }]);
    });

    it('doubles the pause each time, up to five seconds', async () => {
      step = () => Promise.reject(new Error('broken'));
      loop.start();
      await steps.first(1);
      await time.advance(31_000);
      const pauses = steps.items.slice(1).map((at, index) => at - steps.items[index]!);
      expect(pauses).toEqual([2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000]);
    });

    it('may be told never to pause for longer than that', async () => {
      loop = makeLoop({ maxFailurePauseMs: INTERVAL_MS });
      step = () => Promise.reject(new Error('no'));
      loop.start();
      await time.advance(5 * INTERVAL_MS);
      expect(steps.items).toHaveLength(6);
    });

    it('is not hurried by a wake, but by a stop', async () => {
      step = () => Promise.reject(new Error('broken'));
      loop.start();
      await errors.first(1);
      await settle();
      loop.wake();
      await settle();
      expect(steps.items).toHaveLength(1);
      await loop.stop();
      expect(time.timers()).toBe(0);
    });

    it('is forgiven by the next that does not', async () => {
      step = () => (steps.items.length === 1 ? Promise.reject(new Error('once')) : Promise.resolve(false));
      loop.start();
      await time.advance(2 * INTERVAL_MS);
      expect(steps.items).toHaveLength(2);
      await time.advance(INTERVAL_MS);
      expect(steps.items).toHaveLength(3);
      loop.wake();
      await steps.first(4);
    });
  });
});
