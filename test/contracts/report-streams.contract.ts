import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReportStreams, StreamedReport } from '../../src/ports/report-streams.js';
import { Gate, Inbox } from '../support/inbox.js';

export interface ReportStreamsSubject {
  streams: ReportStreams;
  /** Those of another process of the same deployment. */
  peer: ReportStreams;
  /** Writes as a worker does, to the stream of this name. */
  write: (stream: string, fields: Record<string, string | Buffer>) => Promise<void>;
  /** Names of the streams that there are. */
  names: () => Promise<string[]>;
  dispose(): Promise<void>;
}

interface Heard {
  tenantSeq: number;
  name: string;
  payload: string;
}

/** What streams of reports promise where there are any; see `src/ports/report-streams.ts`. */
export function exerciseReportStreams(makeSubject: () => Promise<ReportStreamsSubject>): void {
  const fixture = {} as ReportStreamsSubject;
  let tenants: Set<number>;

  beforeEach(async () => {
    tenants = new Set([1, 2]);
    Object.assign(fixture, await makeSubject());
  });
  afterEach(() => fixture.dispose());

  const streamOf = (tenantSeq: number, streams = fixture.streams): string =>
    streams.addressOf(tenantSeq).topic + streams.instanceId;
  const say = (tenantSeq: number, payload: string | Buffer, streams = fixture.streams): Promise<void> =>
    fixture.write(streamOf(tenantSeq, streams), { name: 'says', from: '', payload, context: '' });

  function listen(streams = fixture.streams, before: () => Promise<void> = async () => {}): Inbox<Heard> {
    const inbox = new Inbox<Heard>();
    streams.listen({
      tenants: () => tenants,
      hear: async (tenantSeq: number, reports: readonly StreamedReport[]) => {
        await before();
        for (const { name, payload } of reports) inbox.add({ tenantSeq, name, payload: String(payload) });
      },
    });
    return inbox;
  }

  const payloads = (heard: readonly Heard[]): string[] => heard.map(({ payload }) => payload);

  describe('addresses', () => {
    it('are there, and differ by tenant and process, so that a worker of one cannot write as another', () => {
      const { streams, peer } = fixture;
      expect([streams.missing, peer.missing]).toEqual([null, null]);
      expect(streams.addressOf(1)).toEqual(peer.addressOf(1));
      expect(streams.addressOf(1)).toEqual({ url: expect.any(String), topic: expect.any(String) });
      const all = [1, 2].flatMap((tenantSeq) => [streamOf(tenantSeq), streamOf(tenantSeq, peer)]);
      expect(new Set(all).size).toBe(4);
      const [one, two] = [streams.addressOf(1).topic, streams.addressOf(2).topic];
      const differ = Array.from(one, (sign, at) => sign !== two[at]).filter(Boolean);
      expect(differ.length).toBeGreaterThan(24); // of 32 signs of 6 bits, which nobody can guess
    });
  });

  describe('reports', () => {
    it('are heard once, in their order, with whose stream it was, by the process they were written for', async () => {
      const [inbox, others] = [listen(), listen(fixture.peer)];
      const sent = Array.from({ length: 250 }, (_, at) => String(at));
      for (const payload of sent) await say(1, payload);
      await say(2, 'of the other tenant');
      await say(2, 'for the other process', fixture.peer);
      const heard = await inbox.first(sent.length + 1);
      expect(payloads(heard.filter(({ tenantSeq }) => tenantSeq === 1))).toEqual(sent);
      expect(heard.filter(({ tenantSeq }) => tenantSeq === 2)).toEqual([
        { tenantSeq: 2, name: 'says', payload: 'of the other tenant' },
      ]);
      expect(payloads(await others.first(1))).toEqual(['for the other process']);
      await say(1, 'last');
      await inbox.first(sent.length + 2);
      expect(inbox.items.length).toBe(sent.length + 2);
    });

    it('that were written before somebody listened are heard', async () => {
      await say(1, 'early');
      expect(payloads(await listen().first(1))).toEqual(['early']);
    });

    it('of a tenant that is new are heard soon, those of one that has gone not at all', async () => {
      const inbox = listen();
      await say(1, 'first');
      await inbox.first(1);
      tenants = new Set([3]);
      await say(3, 'new');
      await inbox.first(2);
      await say(1, 'gone');
      await say(3, 'newer');
      expect(payloads(await inbox.first(3))).toEqual(['first', 'new', 'newer']);
    });

    it('of one tenant wait until those before them were done with', async () => {
      const gate = new Gate();
      const inbox = listen(fixture.streams, () => gate.opened);
      await say(1, 'first');
      await say(1, 'second');
      expect(inbox.items).toEqual([]);
      gate.open();
      expect(payloads(await inbox.first(2))).toEqual(['first', 'second']);
    });

    it('may be anything', async () => {
      const inbox = listen();
      await fixture.write(streamOf(1), { foo: 'bar' });
      await fixture.write(streamOf(1), { name: 'x'.repeat(500), payload: Buffer.from([0xff, 0]) });
      await fixture.write(streamOf(1), { payload: 'first', name: 'swapped' });
      const [none, long, swapped] = await inbox.first(3);
      expect(none).toMatchObject({ name: '', payload: '' });
      expect(long!.name.length).toBeLessThan(500);
      expect(swapped).toMatchObject({ name: 'swapped', payload: 'first' });
    });

    it('that are refused by an error are lost, and those after them are not', async () => {
      const asked = new Inbox<number>();
      const inbox = listen(fixture.streams, async () => {
        asked.add(asked.items.length);
        if (asked.items.length === 1) throw new Error('cannot hear');
      });
      await say(1, 'lost');
      await asked.first(1);
      await say(1, 'heard');
      expect(payloads(await inbox.first(1))).toEqual(['heard']);
    });
  });

  describe('closing', () => {
    it('ends the streams, waits for what is being heard, and may be done again or without listening', async () => {
      const gate = new Gate();
      const inbox = listen(fixture.streams, () => gate.opened);
      await say(1, 'under way');
      await say(2, 'under way');
      expect(await fixture.names()).toHaveLength(2);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const closed = fixture.streams.close();
      gate.open();
      await closed;
      expect(payloads(inbox.items)).toEqual(['under way', 'under way']);
      expect(await fixture.names()).toEqual([]);
      await Promise.all([fixture.streams.close(), fixture.peer.close()]);
    });
  });
}
