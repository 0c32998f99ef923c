import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { settle } from '../../../test/support/inbox.js';
import { MillraceError } from '../../kernel/errors.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { EventMap } from '../../ports/event-map.js';
import type { TaskKey } from '../../store/procedures/single-shapes.js';
import type { EventRow, SingleTaskStore, StoredTask } from '../../store/single-task.store.js';
import type { AppLogger } from '../../telemetry/logger.js';
import type { TaskReader } from './task-reader.js';
import type { TaskEnd } from './task-requests.js';
import type { TaskWaiter } from './task-waiter.js';
import { TaskWaiters } from './task-waiters.js';

/** Tasks whose rows are their ids, as numbers; those in `ended` have ended. */
class FakeStore {
  readonly ended = new Set<string>();
  readonly rows = new Map<string, EventRow[]>();
  reads = 0;
  looks = 0;

  readonly forgotten = new Set<string>();
  readonly results = new Map<string, string>();

  storedByIds = async (ids: readonly string[]) => {
    this.reads += 1;
    return ids.map((id) =>
      this.forgotten.has(id)
        ? null
        : ({
            id,
            seq: Number(id),
            endedAt: this.ended.has(id) ? 1 : null,
            resultBody: this.results.get(id) ?? id,
            resultBlobKey: null,
          } as unknown as StoredTask),
    );
  };

  storedOf = (tasks: readonly { id: string }[]) => this.storedByIds(tasks.map(({ id }) => id));

  endOf = async ({ id }: StoredTask) => endOf(id!);

  endedOf = async (keys: readonly TaskKey[]) => {
    this.looks += 1;
    return keys.map((key) => ('id' in key && this.ended.has(key.id) ? Number(key.id) : null));
  };

  eventReads = 0;
  events = async (seq: number, after: number) => {
    this.eventReads += 1;
    return (this.rows.get(String(seq)) ?? []).filter(({ n }) => n > after);
  };

  /** Stores the events with these numbers as one row. */
  keep(id: string, ...numbers: number[]): void {
    const row = { n: numbers.at(-1)!, events: numbers.map(eventOf) };
    this.rows.set(id, [...(this.rows.get(id) ?? []), row]);
  }
}

const endOf = (id: string): TaskEnd => ({ state: 'completed', result: { ...NO_ANSWER, body: id } });
const NO_ANSWER = { statusCode: 200, requestId: null, errorCode: null, errorMessage: null };
const eventOf = (n: number) => ({ id: null, name: null, data: String(n) });

describe('TaskWaiters', () => {
  let time: FakeTime;
  let store: FakeStore;
  let ends: Subject<EventMap['task.ended']>;
  let progress: Subject<EventMap['task.progress']>;
  let waiters: TaskWaiters;

  beforeEach(() => {
    time = FakeTime.start();
    [store, ends, progress] = [new FakeStore(), new Subject(), new Subject()];
    const events = { on: (topic: string) => (topic === 'task.ended' ? ends : progress) };
    waiters = new TaskWaiters(
      store as unknown as SingleTaskStore,
      store as unknown as TaskReader,
      events as unknown as EventBus,
      time.clock,
      {} as unknown as AppLogger,
    );
    waiters.onModuleInit();
  });
  afterEach(() => {
    waiters.onModuleDestroy();
    time.stop();
  });

  async function end(...ids: string[]): Promise<void> {
    for (const taskId of ids) {
      store.ended.add(taskId);
      ends.next({ taskId });
    }
    await settle();
  }

  /** The task says the events with these numbers. */
  const say = (taskId: string, ...numbers: number[]) =>
    progress.next({ taskId, lastN: numbers.at(-1)!, events: numbers.map(eventOf) });

  /** The numbers of the events that a waiter hears, and `end` when they are over. */
  function heard(waiter: TaskWaiter): (number | string)[] {
    const numbers: (number | string)[] = [];
    waiter.events.subscribe({
      next: (events) => numbers.push(...events.map(({ n }) => n)),
      complete: () => numbers.push('end'),
      error: (error: MillraceError) => numbers.push(error.code),
    });
    return numbers;
  }

  it('tells who waits that the task has ended, and only those', async () => {
    const [one, two, other] = ['1', '1', '2'].map((id) => waiters.join(id, null));
    await end('1');
    expect(await Promise.all([one!.ended, two!.ended])).toEqual([endOf('1'), endOf('1')]);
    expect(waiters.count).toBe(1);
    await end('2');
    expect(await other!.ended).toEqual(endOf('2'));
    expect(waiters.count).toBe(0);
  });

  it('reads what ends in one turn together', async () => {
    const all = Array.from({ length: 400 }, (_, n) => waiters.join(String(n), null));
    await end(...all.map(({ taskId }) => taskId));
    await Promise.all(all.map(({ ended }) => ended));
    expect(store.reads).toBe(1);
  });

  it('finds within a second or so an end that nobody told of', async () => {
    const waiter = waiters.join('1', null);
    store.ended.add('1');
    await time.advance(1_500);
    expect(await waiter.ended).toEqual(endOf('1'));
  });

  it('serves 10,000 with one timer and 20 reads a second', async () => {
    const all = Array.from({ length: 10_000 }, (_, n) => waiters.join(String(n), null));
    expect(time.timers()).toBe(1);
    await time.advance(1_000);
    await settle();
    expect(store.looks).toBeLessThanOrEqual(20);
    for (const waiter of all) waiters.leave(waiter);
    await time.advance(1_000);
    expect([waiters.count, time.timers()]).toEqual([0, 0]);
  });

  it('passes events on, each once and in order, and ends with the task', async () => {
    const numbers = heard(waiters.join('1', 0));
    await time.advance(250); // it has caught up with what was there before
    say('1', 1);
    say('1', 2, 3);
    say('1', 2, 3);
    say('2', 4);
    say('1', 3, 4);
    expect(numbers).toEqual([1, 2, 3, 4]);
    await end('1');
    expect(numbers).toEqual([1, 2, 3, 4, 'end']);
  });

  it.each([
    ['reads nothing more when all was heard', 2, false],
    ['reads the last events when they were not', 3, true],
    ['looks for more when nobody knows how many there are', undefined, true],
  ])('%s', async (_, lastN, isRead) => {
    const numbers = heard(waiters.join('1', 0));
    await time.advance(250);
    store.keep('1', 1, 2, ...(lastN === 3 ? [3] : []));
    say('1', 1, 2);
    const before = store.eventReads;
    store.ended.add('1');
    ends.next(lastN === undefined ? { taskId: '1' } : { taskId: '1', lastN });
    await settle();
    expect(numbers).toEqual([1, 2, ...(lastN === 3 ? [3] : []), 'end']);
    expect(store.eventReads > before).toBe(isRead);
  });

  it('reads nothing for those who have heard all when somebody knows how it ended', async () => {
    const [blocking, listening, behind] = [null, 0, 0].map((after) => waiters.join('1', after));
    await time.advance(250);
    store.keep('1', 1, 2);
    const [all, missed] = [heard(listening!), heard(behind!)];
    say('1', 1);
    behind!.isBehind = true;
    say('1', 2);
    const { reads } = store;
    waiters.end('1', endOf('from memory'), 2);
    expect(await Promise.all([blocking!.ended, listening!.ended])).toEqual([
      endOf('from memory'),
      endOf('from memory'),
    ]);
    expect([all, missed, waiters.count]).toEqual([[1, 2, 'end'], [1], 1]);
    expect(store.reads).toBe(reads);
    await end('1');
    expect(await behind!.ended).toEqual(endOf('1'));
    expect([missed, waiters.count]).toEqual([[1, 2, 'end'], 0]);
  });

  it('leaves an end that is large to be read by who has room for it', async () => {
    const [one, two] = ['1', '2'].map((id) => waiters.join(id, null));
    const large = 'x'.repeat(1024 * 1024);
    store.results.set('1', large);
    waiters.end('1', endOf(large), 0);
    expect(waiters.count).toBe(2);
    await end('1', '2');
    expect(await one!.ended).toBe('large');
    expect(await two!.ended).toEqual(endOf('2'));
  });

  it('lets one whose answer cannot be read know, and nobody else', async () => {
    const [lost, other] = ['1', '2'].map((id) => waiters.join(id, null));
    store.endOf = async ({ id }) => {
      if (id === '1') throw new Error('the disk is gone');
      return endOf(id!);
    };
    await end('1', '2');
    await expect(lost!.ended).rejects.toThrow('the disk is gone');
    expect(await other!.ended).toEqual(endOf('2'));
  });

  it('reads what is missing when there is a gap', async () => {
    const numbers = heard(waiters.join('1', 0));
    await time.advance(250);
    store.keep('1', 1, 2);
    store.keep('1', 3);
    say('1', 3);
    expect(numbers).toEqual([]);
    await time.advance(250);
    expect(numbers).toEqual([1, 2, 3]);
    say('1', 4);
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it('reads to the last event before it ends, also from the middle of a row', async () => {
    store.keep('1', 1, 2, 3);
    store.keep('1', 4);
    const numbers = heard(waiters.join('1', 2));
    await end('1');
    expect(numbers).toEqual([3, 4, 'end']);
  });

  it('moves to the task that a repeated request has made before, though it has ended', async () => {
    store.ended.add('7');
    const waiter = waiters.join('1', null);
    waiters.moveTo(waiter, '7');
    await settle();
    expect(await waiter.ended).toEqual(endOf('7'));
    expect(waiters.count).toBe(0);
  });

  it('lets one whose task is forgotten know, instead of waiting for nothing', async () => {
    store.forgotten.add('7');
    const waiter = waiters.join('1', null);
    waiters.moveTo(waiter, '7');
    await settle();
    await expect(waiter.ended).rejects.toMatchObject({ code: 'not_found' });
    expect(waiters.count).toBe(0);
  });

  it('says nothing to one who has left', async () => {
    const waiter = waiters.join('1', 0);
    const numbers = heard(waiter);
    waiters.leave(waiter);
    waiters.leave(waiter);
    say('1', 1);
    await end('1');
    expect(numbers).toEqual([]);
    expect(waiters.count).toBe(0);
  });

  it('refuses everybody when the server stops, and whoever comes then', async () => {
    const waiter = waiters.join('1', 0);
    const numbers = heard(waiter);
    waiters.onModuleDestroy();
    await expect(waiter.ended).rejects.toMatchObject({ code: 'shutting_down', retryAfterMs: 1000 });
    expect(numbers).toEqual(['shutting_down']);
    expect(() => waiters.join('2', null)).toThrow(MillraceError);
    expect(time.timers()).toBe(0);
  });
});
