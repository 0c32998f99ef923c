import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Broker, Call } from '../../src/ports/broker.js';
import { Gate, Inbox } from '../support/inbox.js';

export interface BrokerSubject {
  /** Nothing waits in it at the start of a test. */
  broker: Broker;
  /** Lets time pass for the broker; one that lives in real time may take as long. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Longer than any broker may hold a call of a lane back to merge others into it. */
const SPACING_MS = 5;

/** What every broker promises; see `src/ports/broker.ts`. Calls that are lost in an outage are not its matter. */
export function exerciseBroker(makeSubject: () => Promise<BrokerSubject>): void {
  const fixture = {} as BrokerSubject;

  beforeEach(async () => {
    Object.assign(fixture, await makeSubject());
  });
  afterEach(() => fixture.dispose());

  describe('calls', () => exerciseCalls(fixture));
  describe('consuming', () => exerciseConsuming(fixture));
  describe('stopping', () => exerciseStopping(fixture));
}

function exerciseCalls(fixture: BrokerSubject): void {
  it('arrive with their lane and level', async () => {
    const inbox = collect(fixture.broker);
    fixture.broker.call({ laneId: 41, level: 3 });
    expect(await inbox.first(1)).toEqual([{ laneId: 41, level: 3 }]);
  });

  it('are carried, as the broker knows', async () => {
    const inbox = collect(fixture.broker);
    fixture.broker.call({ laneId: 1, level: 0 });
    await inbox.first(1);
    expect(fixture.broker.problem).toBe(null);
  });

  it('wait for the consumer', async () => {
    fixture.broker.call({ laneId: 1, level: 0 });
    const inbox = collect(fixture.broker);
    expect(await inbox.first(1)).toEqual([{ laneId: 1, level: 0 }]);
  });

  it('never run the consumer in the stack of the caller', async () => {
    const inbox = collect(fixture.broker);
    fixture.broker.call({ laneId: 1, level: 0 });
    expect(inbox.items).toEqual([]);
    await inbox.first(1);
  });

  it('of one lane merge when they come together', async () => {
    const inbox = collect(fixture.broker);
    for (let at = 0; at < 1_000; at += 1) fixture.broker.call({ laneId: 1, level: 0 });
    await fixture.advance(10 * SPACING_MS);
    await callAndWait(fixture, inbox, 2);
    expect(inbox.items.filter(({ laneId }) => laneId === 1).length).toBeLessThanOrEqual(2);
  });

  it('of different lanes do not merge', async () => {
    const inbox = collect(fixture.broker);
    const lanes = Array.from({ length: 100 }, (_, laneId) => laneId);
    for (const laneId of lanes) fixture.broker.call({ laneId, level: 1 });
    const calls = await inbox.first(lanes.length);
    expect(calls.map(({ laneId }) => laneId).sort((a, b) => a - b)).toEqual(lanes);
  });

  it('of one lane keep coming', async () => {
    const inbox = collect(fixture.broker);
    for (let count = 1; count <= 20; count += 1) {
      fixture.broker.call({ laneId: 1, level: 0 });
      await fixture.advance(SPACING_MS);
      await inbox.first(count);
    }
    expect(inbox.items).toHaveLength(20);
  });

  it('arrive lowest level first where several wait', async () => {
    for (const level of [9, 3, 0, 5, 1, 0]) fixture.broker.call({ laneId: 100 + level, level });
    const inbox = collect(fixture.broker);
    const calls = await inbox.first(5);
    expect(calls.map(({ level }) => level)).toEqual([0, 1, 3, 5, 9]);
  });
}

function exerciseConsuming(fixture: BrokerSubject): void {
  it('takes one consumer, no more', () => {
    collect(fixture.broker);
    expect(() => collect(fixture.broker)).toThrow('consumer');
  });

  it('runs one call of a lane at a time, and does not lose one that comes meanwhile', async () => {
    const gate = new Gate();
    const [begun, ended] = [new Inbox<Call>(), new Inbox<Call>()];
    fixture.broker.consume(async (call) => {
      begun.add(call);
      if (call.laneId === 1) await gate.opened;
      ended.add(call);
    });
    fixture.broker.call({ laneId: 1, level: 0 });
    await begun.first(1);
    fixture.broker.call({ laneId: 1, level: 0 });
    await fixture.advance(4 * SPACING_MS);
    fixture.broker.call({ laneId: 2, level: 0 });
    await ended.first(1);
    expect(begun.items.map(({ laneId }) => laneId)).toEqual([1, 2]);
    gate.open();
    await fixture.advance(SPACING_MS);
    expect((await begun.first(3)).map(({ laneId }) => laneId)).toEqual([1, 2, 1]);
  });

  it('runs calls of different lanes beside each other', async () => {
    const gate = new Gate();
    const begun = new Inbox<Call>();
    fixture.broker.consume(async (call) => {
      begun.add(call);
      await gate.opened;
    });
    for (const laneId of [1, 2, 3]) fixture.broker.call({ laneId, level: laneId });
    expect(await begun.first(3)).toHaveLength(3);
    gate.open();
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('consumer rejected'))],
    [
      'throws',
      () => {
        throw new Error('consumer threw');
      },
    ],
  ])('goes on when the consumer %s', async (_kind, fail) => {
    const inbox = new Inbox<number>();
    fixture.broker.consume((call) => {
      inbox.add(call.laneId);
      return inbox.items.length <= 2 ? fail() : Promise.resolve();
    });
    fixture.broker.call({ laneId: 1, level: 0 });
    await inbox.first(1);
    fixture.broker.call({ laneId: 2, level: 0 });
    await inbox.first(2);
    fixture.broker.call({ laneId: 1, level: 0 });
    await fixture.advance(SPACING_MS);
    expect(await inbox.first(3)).toEqual([1, 2, 1]);
  });

  it('may call from the consumer', async () => {
    const inbox = new Inbox<number>();
    fixture.broker.consume(async (call) => {
      inbox.add(call.laneId);
      if (call.laneId < 5) fixture.broker.call({ laneId: call.laneId + 1, level: 0 });
    });
    fixture.broker.call({ laneId: 1, level: 0 });
    expect(await inbox.first(5)).toEqual([1, 2, 3, 4, 5]);
  });
}

function exerciseStopping(fixture: BrokerSubject): void {
  it('waits for running consumers', async () => {
    const gate = new Gate();
    const begun = new Inbox<Call>();
    const events: string[] = [];
    fixture.broker.consume(async (call) => {
      begun.add(call);
      await gate.opened;
      events.push('consumer returned');
    });
    fixture.broker.call({ laneId: 1, level: 0 });
    await begun.first(1);
    const stopped = fixture.broker.stop().then(() => events.push('stopped'));
    await fixture.advance(SPACING_MS);
    expect(events).toEqual([]);
    gate.open();
    await stopped;
    expect(events).toEqual(['consumer returned', 'stopped']);
  });

  it('delivers nothing more, neither what waits nor what comes', async () => {
    const gate = new Gate();
    const begun = new Inbox<number>();
    fixture.broker.consume(async (call) => {
      begun.add(call.laneId);
      await gate.opened;
    });
    fixture.broker.call({ laneId: 1, level: 0 });
    await begun.first(1);
    fixture.broker.call({ laneId: 1, level: 0 });
    const stopped = fixture.broker.stop();
    fixture.broker.call({ laneId: 2, level: 0 });
    gate.open();
    await stopped;
    fixture.broker.call({ laneId: 3, level: 0 });
    await fixture.advance(10 * SPACING_MS);
    expect(begun.items).toEqual([1]);
  });

  it('may be asked for twice, and before anything was consumed', async () => {
    fixture.broker.call({ laneId: 1, level: 0 });
    await Promise.all([fixture.broker.stop(), fixture.broker.stop()]);
    await fixture.broker.stop();
    expect(() => fixture.broker.call({ laneId: 1, level: 0 })).not.toThrow();
  });
}

function collect(broker: Broker): Inbox<Call> {
  const inbox = new Inbox<Call>();
  broker.consume(async (call) => inbox.add(call));
  return inbox;
}

/** Sends a call of another lane and waits for it: what was on its way before has arrived then too. */
async function callAndWait(fixture: BrokerSubject, inbox: Inbox<Call>, laneId: number): Promise<void> {
  fixture.broker.call({ laneId, level: 9 });
  const arrived = async (): Promise<void> => {
    for (let count = 1; ; count += 1) {
      if ((await inbox.first(count)).at(-1)?.laneId === laneId) return;
    }
  };
  await arrived();
}
