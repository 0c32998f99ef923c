import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import { EventRelay } from './event-relay.js';

const event = (data: string): ProgressEvent => ({ id: null, name: null, data });

/** A relay whose store answers when it is told to. */
function setUp(n = 0) {
  const published: [number, number][] = [];
  const writes: { firstN: number; count: number; settle: (isStored: boolean) => void; fail: (e: Error) => void }[] = [];
  const onLost = vi.fn();
  const relay = new EventRelay(n, {
    publish: (lastN, events) => published.push([lastN, events.length]),
    store: (firstN, events) =>
      new Promise((settle, fail) => writes.push({ firstN, count: events.length, settle, fail })),
    onLost,
  });
  return { relay, published, writes, onLost };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

describe('EventRelay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('publishes at once, stores the first at once, and later ones together', async () => {
    const { relay, published, writes } = setUp();
    relay.say([event('1')]);
    expect(published).toEqual([[1, 1]]);
    expect(writes).toMatchObject([{ firstN: 1, count: 1 }]);
    relay.say([event('2'), event('3')]);
    relay.say([event('4')]);
    expect(published).toEqual([
      [1, 1],
      [3, 2],
      [4, 1],
    ]);
    writes[0]!.settle(true);
    await vi.advanceTimersByTimeAsync(49);
    expect(writes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(writes[1]).toMatchObject({ firstN: 2, count: 3 });
  });

  it('goes on counting where attempts before have stopped', () => {
    const { relay, published, writes } = setUp(5);
    relay.say([event('6')]);
    expect(published).toEqual([[6, 1]]);
    expect(writes).toMatchObject([{ firstN: 6 }]);
  });

  it('is closed when all is stored', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    relay.say([event('2')]);
    const onClosed = vi.fn();
    const closing = relay.close().then(onClosed);
    writes[0]!.settle(true);
    await settled();
    expect(writes[1]).toMatchObject({ firstN: 2, count: 1 });
    expect(onClosed).not.toHaveBeenCalled();
    writes[1]!.settle(true);
    await closing;
  });

  it('says nothing more, and says so, when the lease was lost', async () => {
    const { relay, published, writes, onLost } = setUp();
    relay.say([event('1')]);
    relay.say([event('2')]);
    writes[0]!.settle(false);
    await settled();
    expect(onLost).toHaveBeenCalledTimes(1);
    relay.say([event('3')]);
    expect(published).toHaveLength(2);
    await relay.close();
    expect(writes).toHaveLength(1);
  });

  it('keeps what the store refused, in its order', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    relay.say([event('2')]);
    writes[0]!.fail(new Error('no room'));
    await settled();
    const closing = relay.close();
    expect(writes[1]).toMatchObject({ firstN: 1, count: 2 });
    writes[1]!.fail(new Error('no room'));
    await expect(closing).rejects.toThrow('no room');
  });
});
