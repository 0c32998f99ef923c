import { filter, map, take } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventBus } from '../../src/ports/event-bus.js';
import { Inbox } from '../support/inbox.js';

export interface EventBusSubject {
  bus: EventBus;
  /** The bus of another process of the same deployment; the same one where there is but one process. */
  peer: EventBus;
  /** What the adapter reported of its listeners. */
  reported: Inbox<unknown>;
  dispose(): Promise<void>;
}

/** What every event bus promises; see `src/ports/event-bus.ts`. Events that are lost in an outage are not its matter. */
export function exerciseEventBus(makeSubject: () => Promise<EventBusSubject>): void {
  const fixture = {} as EventBusSubject;

  beforeEach(async () => {
    Object.assign(fixture, await makeSubject());
  });
  afterEach(() => fixture.dispose());

  describe('publishing', () => exercisePublishing(fixture));
  describe('listeners', () => exerciseListeners(fixture));
  describe('closing', () => exerciseClosing(fixture));
}

function exercisePublishing(fixture: EventBusSubject): void {
  it('reaches every subscriber of the topic in every process', async () => {
    const inboxes = [fixture.bus, fixture.bus, fixture.peer].map((bus) => inboxOf(bus));
    fixture.bus.publish('batch.ingest', { batchSeq: 7 });
    for (const inbox of inboxes) expect(await inbox.first(1)).toEqual([7]);
    fixture.peer.publish('batch.ingest', { batchSeq: 8 });
    for (const inbox of inboxes) expect(await inbox.first(2)).toEqual([7, 8]);
  });

  it('keeps the order of a topic', async () => {
    const inbox = inboxOf(fixture.peer);
    const sent = Array.from({ length: 1_000 }, (_, at) => at);
    for (const batchSeq of sent) fixture.bus.publish('batch.ingest', { batchSeq });
    expect(await inbox.first(sent.length)).toEqual(sent);
  });

  it('keeps topics apart', async () => {
    const ingest = inboxOf(fixture.bus);
    const finalize = new Inbox<number>();
    fixture.bus.on('batch.finalize').subscribe((event) => finalize.add(event.batchSeq));
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    fixture.bus.publish('batch.finalize', { batchSeq: 2 });
    fixture.bus.publish('batch.ingest', { batchSeq: 3 });
    expect(await ingest.first(2)).toEqual([1, 3]);
    expect(await finalize.first(1)).toEqual([2]);
  });

  it('carries events of any shape', async () => {
    const inbox = new Inbox<unknown>();
    fixture.peer.on('access.changed').subscribe(inbox.add);
    fixture.peer.on('queues.changed').subscribe(inbox.add);
    fixture.bus.publish('access.changed', { keyId: 'key_ü"\n' });
    expect(await inbox.first(1)).toEqual([{ keyId: 'key_ü"\n' }]);
    fixture.bus.publish('queues.changed', {});
    expect(await inbox.first(2)).toEqual([{ keyId: 'key_ü"\n' }, {}]);
  });

  it('carries the hints of an end, and an end without them', async () => {
    const inbox = new Inbox<unknown>();
    fixture.peer.on('task.ended').subscribe(inbox.add);
    const ends = [{ taskId: 'a' }, { taskId: 'b', seq: 3 }, { taskId: 'c', seq: 4, lastN: 0 }];
    for (const end of ends) fixture.bus.publish('task.ended', end);
    expect(await inbox.first(3)).toEqual(ends);
  });

  it('never runs a listener in the stack of the publisher', async () => {
    const inbox = inboxOf(fixture.bus);
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    expect(inbox.items).toEqual([]);
    expect(await inbox.first(1)).toEqual([1]);
  });

  it('is fine without subscribers, and a late one hears only what comes later', async () => {
    const early = inboxOf(fixture.bus);
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    fixture.bus.publish('queues.changed', {});
    await early.first(1);
    const late = inboxOf(fixture.bus);
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    expect(await late.first(1)).toEqual([2]);
  });
}

function exerciseListeners(fixture: EventBusSubject): void {
  it('may throw: others hear the event, and they themselves the next one', async () => {
    const [broken, sound] = [new Inbox<number>(), new Inbox<number>()];
    fixture.bus.on('batch.ingest').subscribe(({ batchSeq }) => {
      broken.add(batchSeq);
      throw new Error(`listener failed at ${batchSeq}`);
    });
    fixture.bus.on('batch.ingest').subscribe(({ batchSeq }) => sound.add(batchSeq));
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    expect(await sound.first(2)).toEqual([1, 2]);
    expect(await broken.first(2)).toEqual([1, 2]);
    expect(await fixture.reported.first(2)).toMatchObject([
      { message: 'listener failed at 1' },
      { message: 'listener failed at 2' },
    ]);
  });

  it('may be given as an object, and throw there', async () => {
    const inbox = new Inbox<number>();
    fixture.bus.on('batch.ingest').subscribe({
      next: ({ batchSeq }) => {
        inbox.add(batchSeq);
        throw new Error('object failed');
      },
    });
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    expect(await inbox.first(2)).toEqual([1, 2]);
    expect(await fixture.reported.first(2)).toMatchObject([{ message: 'object failed' }, { message: 'object failed' }]);
  });

  it('may be asynchronous and reject', async () => {
    const inbox = new Inbox<number>();
    const reject = async (batchSeq: number): Promise<void> => {
      inbox.add(batchSeq);
      await Promise.resolve();
      throw new Error(`rejected at ${batchSeq}`);
    };
    // The linter would stop this; nothing stops a caller who does not run it.
    const listener: (event: { batchSeq: number }) => unknown = ({ batchSeq }) => reject(batchSeq);
    fixture.bus.on('batch.ingest').subscribe(listener);
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    expect(await fixture.reported.first(1)).toMatchObject([{ message: 'rejected at 1' }]);
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    expect(await inbox.first(2)).toEqual([1, 2]);
  });

  it('may throw behind operators', async () => {
    const inbox = new Inbox<number>();
    const odd = fixture.bus.on('batch.ingest').pipe(
      map(({ batchSeq }) => batchSeq),
      filter((batchSeq) => batchSeq % 2 === 1),
    );
    odd.subscribe((batchSeq) => {
      inbox.add(batchSeq);
      throw new Error(`odd ${batchSeq}`);
    });
    for (const batchSeq of [1, 2, 3]) fixture.bus.publish('batch.ingest', { batchSeq });
    expect(await inbox.first(2)).toEqual([1, 3]);
    expect(await fixture.reported.first(2)).toMatchObject([{ message: 'odd 1' }, { message: 'odd 3' }]);
  });

  it('lose only themselves when one of their operators throws', async () => {
    const sound = inboxOf(fixture.bus);
    fixture.bus
      .on('batch.ingest')
      .pipe(
        map(() => {
          throw new Error('operator failed');
        }),
      )
      .subscribe();
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    expect(await sound.first(2)).toEqual([1, 2]);
    expect(await fixture.reported.first(1)).toMatchObject([{ message: 'operator failed' }]);
  });

  it('hear nothing more once unsubscribed', async () => {
    const inbox = new Inbox<number>();
    const subscription = fixture.bus.on('batch.ingest').subscribe(({ batchSeq }) => inbox.add(batchSeq));
    const staying = inboxOf(fixture.bus);
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    await inbox.first(1);
    subscription.unsubscribe();
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    await staying.first(2);
    expect(inbox.items).toEqual([1]);
  });

  it('are forgotten, with their operators, once unsubscribed', async () => {
    const mapped: number[] = [];
    const seen = map(({ batchSeq }: { batchSeq: number }) => mapped.push(batchSeq));
    const subscription = fixture.bus.on('batch.ingest').pipe(seen).subscribe();
    fixture.bus.on('batch.ingest').pipe(seen, take(1)).subscribe();
    const staying = inboxOf(fixture.bus);
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    await staying.first(1);
    subscription.unsubscribe();
    fixture.bus.publish('batch.ingest', { batchSeq: 2 });
    await staying.first(2);
    expect(mapped).toEqual([1, 1]);
  });

  it('may publish', async () => {
    const inbox = inboxOf(fixture.bus);
    fixture.bus.on('batch.ingest').subscribe(({ batchSeq }) => {
      if (batchSeq < 5) fixture.bus.publish('batch.ingest', { batchSeq: batchSeq + 1 });
    });
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    expect(await inbox.first(5)).toEqual([1, 2, 3, 4, 5]);
  });
}

function exerciseClosing(fixture: EventBusSubject): void {
  it('completes the subscriptions', async () => {
    const completed = new Inbox<string>();
    fixture.bus.on('batch.ingest').subscribe({ complete: () => completed.add('before') });
    await fixture.bus.close();
    fixture.bus.on('batch.abort').subscribe({ complete: () => completed.add('after') });
    expect(await completed.first(2)).toEqual(['before', 'after']);
  });

  it('makes publishing do nothing, and may be done again', async () => {
    const inbox = inboxOf(fixture.bus);
    await fixture.bus.close();
    await fixture.bus.close();
    fixture.bus.publish('batch.ingest', { batchSeq: 1 });
    expect(inbox.items).toEqual([]);
  });
}

function inboxOf(bus: EventBus): Inbox<number> {
  const inbox = new Inbox<number>();
  bus.on('batch.ingest').subscribe(({ batchSeq }) => inbox.add(batchSeq));
  return inbox;
}
