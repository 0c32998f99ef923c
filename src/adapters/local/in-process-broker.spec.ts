import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { Gate, Inbox, settle } from '../../../test/support/inbox.js';
import type { Call } from '../../ports/broker.js';
import { InProcessBroker } from './in-process-broker.js';

describe('InProcessBroker', () => {
  let time: FakeTime;
  let broker: InProcessBroker;
  let errors: Inbox<[unknown, Call]>;
  /** `laneId@ms since the start`, in the order of delivery. */
  let delivered: string[];

  beforeEach(() => {
    time = FakeTime.start();
    const startedAt = time.clock.now();
    errors = new Inbox();
    delivered = [];
    broker = new InProcessBroker({ spacingMs: 5, clock: time.clock, onError: (...report) => errors.add(report) });
    broker.consume(async ({ laneId }) => void delivered.push(`${laneId}@${time.clock.now() - startedAt}`));
  });

  afterEach(async () => {
    await broker.stop();
    time.stop();
  });

  const call = (...laneIds: number[]) => {
    for (const laneId of laneIds) broker.call({ laneId, level: laneId });
  };

  it('delivers a first call in the same turn', async () => {
    call(1);
    await Promise.resolve();
    expect(delivered).toEqual(['1@0']);
  });

  it('delivers a lane once in 5 ms, however often it is called', async () => {
    for (let ms = 0; ms < 12; ms += 1) {
      call(1, 1);
      await time.advance(1);
    }
    await time.advance(20);
    expect(delivered).toEqual(['1@0', '1@5', '1@10', '1@15']);
  });

  it('lets each lane keep its own time', async () => {
    call(1);
    await time.advance(3);
    call(2);
    await settle();
    call(1, 2);
    await time.advance(10);
    expect(delivered).toEqual(['1@0', '2@3', '1@5', '2@8']);
  });

  it('delivers lanes that come due together lowest level first', async () => {
    call(7, 4, 9);
    await settle();
    call(9, 4, 7, 2);
    await time.advance(5);
    expect(delivered).toEqual(['4@0', '7@0', '9@0', '2@0', '4@5', '7@5', '9@5']);
  });

  it('delivers a lane again as soon as its long call has returned', async () => {
    const other = new InProcessBroker({ spacingMs: 5, clock: time.clock, onError: () => {} });
    const gate = new Gate();
    const begun = new Inbox<number>();
    other.consume(async () => {
      begun.add(time.clock.now());
      await gate.opened;
    });
    other.call({ laneId: 1, level: 0 });
    await begun.first(1);
    other.call({ laneId: 1, level: 0 });
    await time.advance(100);
    expect(begun.items).toHaveLength(1);
    expect(time.timers()).toBe(0);
    gate.open();
    await begun.first(2);
    await other.stop();
  });

  it('needs no timer while nothing waits', async () => {
    call(1, 2, 3);
    await settle();
    expect(time.timers()).toBe(0);
    call(1, 2, 3);
    await settle();
    expect(time.timers()).toBe(1);
    await time.advance(5);
    expect(delivered).toHaveLength(6);
    expect(time.timers()).toBe(0);
  });

  it('drops its timer when it stops', async () => {
    call(1);
    await settle();
    call(1);
    await settle();
    await broker.stop();
    expect(time.timers()).toBe(0);
  });

  it('reports what a consumer throws, with the call', async () => {
    const failing = new InProcessBroker({
      spacingMs: 5,
      clock: time.clock,
      onError: (...report) => errors.add(report),
    });
    failing.consume(() => Promise.reject(new Error('no luck')));
    failing.call({ laneId: 3, level: 1 });
    expect(await errors.first(1)).toEqual([[new Error('no luck'), { laneId: 3, level: 1 }]]);
    await failing.stop();
  });
});
