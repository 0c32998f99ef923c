import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import { EventRelay, FIRST_FLUSH_MS } from './event-relay.js';

const event = (data: string): ProgressEvent => ({ id: null, name: null, data });

/** A relay whose store answers when it is told to. */
function setUp(n = 0) {
  const published: [number, number][] = [];
  const writes: { firstN: number; count: number; settle: (isStored: boolean) => void; fail: (e: Error) => void }[] = [];
  const onLost = vi.fn();
  const relay = new EventRelay(n, {
    publish: (lastN, events) => published.push([lastN, events.length]),
    store: ({ firstN, events }) =>
      new Promise((settle, fail) => writes.push({ firstN, count: events.length, settle, fail })),
    onLost,
  });
  return { relay, published, writes, onLost };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

describe('EventRelay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('publishes at once, stores the first moment of it soon, and later ones together', async () => {
    const { relay, published, writes } = setUp();
    relay.say([event('1')]);
    relay.say([event('2'), event('3')]);
    expect(published).toEqual([
      [1, 1],
      [3, 2],
    ]);
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
    expect(writes).toMatchObject([{ firstN: 1, count: 3 }]);
    relay.say([event('4')]);
    relay.say([event('5')]);
    expect(published).toHaveLength(4);
    writes[0]!.settle(true);
    await vi.advanceTimersByTimeAsync(49);
    expect(writes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(writes[1]).toMatchObject({ firstN: 4, count: 2 });
  });

  it('leaves the last words to whoever stores the end', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    relay.say([event('2')]);
    expect(await relay.lastWords()).toEqual({ firstN: 1, events: [event('1'), event('2')] });
    await vi.advanceTimersByTimeAsync(100);
    expect(writes).toEqual([]);
  });

  it('counts its last words on from what is being stored', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
    relay.say([event('2')]);
    const lastWords = relay.lastWords();
    writes[0]!.settle(true);
    expect(await lastWords).toEqual({ firstN: 2, events: [event('2')] });
    await vi.advanceTimersByTimeAsync(100);
    expect(writes).toHaveLength(1);
  });

  it('has no last words when what came before could not be stored', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
    const lastWords = relay.lastWords();
    writes[0]!.fail(new Error('no room'));
    await expect(lastWords).rejects.toThrow('no room');
  });

  it('goes on counting where attempts before have stopped', async () => {
    const { relay, published, writes } = setUp(5);
    relay.say([event('6')]);
    expect(published).toEqual([[6, 1]]);
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
    expect(writes).toMatchObject([{ firstN: 6 }]);
  });

  it('is closed when all is stored', async () => {
    const { relay, writes } = setUp();
    relay.say([event('1')]);
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
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
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
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
    await vi.advanceTimersByTimeAsync(FIRST_FLUSH_MS);
    relay.say([event('2')]);
    writes[0]!.fail(new Error('no room'));
    await settled();
    const closing = relay.close();
    expect(writes[1]).toMatchObject({ firstN: 1, count: 2 });
    writes[1]!.fail(new Error('no room'));
    await expect(closing).rejects.toThrow('no room');
  });
});
