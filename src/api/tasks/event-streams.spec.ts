import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle } from '../../../test/support/inbox.js';
import type { NumberedEvent } from '../../modules/tasks/task-requests.js';
import type { WaitingCall } from '../../modules/tasks/waiting-calls.js';
import { EventStreams } from './event-streams.js';

const MIB = 1024 * 1024;

/** As much of a reply as a stream needs. */
class FakeReply {
  readonly raw = Object.assign(new EventEmitter(), { flushHeaders: () => {}, destroy: vi.fn(), writableLength: 0 });
  stream!: Readable;

  header = (): this => this;

  send(stream: Readable): void {
    this.stream = stream;
  }
}

let streams: EventStreams;
let reply: FakeReply;
let events: Subject<NumberedEvent[]>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  [streams, reply, events] = [new EventStreams(), new FakeReply(), new Subject()];
});

afterEach(() => {
  streams.onModuleDestroy();
  vi.useRealTimers();
});

const open = () => streams.open({ events } as unknown as WaitingCall, reply as unknown as FastifyReply);
const say = (n: number, data: string) => events.next([{ n, id: null, name: null, data }]);
const text = () => String(reply.stream.read() ?? '');

describe('a stream of events', () => {
  it('is kept alive every 15 s, until its end', () => {
    const stream = open();
    vi.advanceTimersByTime(14_999);
    expect(text()).toBe('');
    vi.advanceTimersByTime(1);
    expect(text()).toBe(': ping\n\n');
    vi.advanceTimersByTime(30_000);
    expect(text()).toBe(': ping\n\n: ping\n\n');
    stream.end({ status: 200, body: null, error: null, workerError: null });
    vi.advanceTimersByTime(15_000);
    expect(text()).toBe('');
  });

  it('shares its timer with all others', () => {
    open();
    open();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('is cut off when its reader falls too far behind', async () => {
    const stream = open();
    const overrun = vi.fn();
    void stream.overrun.then(overrun);
    say(1, JSON.stringify('x'.repeat(7 * MIB)));
    await Promise.resolve();
    expect(overrun).not.toHaveBeenCalled();
    say(2, JSON.stringify('x'.repeat(MIB)));
    expect(await stream.overrun).toBe('overrun');
    expect(reply.raw.destroy).toHaveBeenCalledOnce();
  });

  it('is cut off when all readers together are too far behind and it has most waiting; the others go on', async () => {
    const opened = Array.from({ length: 17 }, (_, index) => {
      [reply, events] = [new FakeReply(), new Subject()];
      const stream = open();
      say(1, JSON.stringify('x'.repeat(index === 7 ? 4.5 * MIB : 3.7 * MIB)));
      return { stream, raw: reply.raw };
    });
    const cutOff = () => opened.flatMap(({ raw }, index) => (raw.destroy.mock.calls.length > 0 ? [index] : []));
    expect(cutOff()).toEqual([]);
    // What its connection has not taken counts, too.
    opened[3]!.raw.writableLength = MIB;
    say(2, '{}');
    expect(cutOff()).toEqual([3]);
    expect(await opened[3]!.stream.overrun).toBe('overrun');
    say(3, JSON.stringify('x'.repeat(4.2 * MIB)));
    expect(cutOff()).toEqual([3, 16]);
  });

  it('shares the bytes of a large event with all who hear it', async () => {
    const event = { n: 1, id: null, name: null, data: JSON.stringify('x'.repeat(MIB)) };
    const [one, two] = [1, 2].map(() => {
      [reply, events] = [new FakeReply(), new Subject()];
      open();
      events.next([event, { n: 2, id: null, name: null, data: '2' }]);
      const { stream } = reply;
      expect(stream.readableLength).toBe('id:1\ndata:\n\nid:2\ndata:2\n\n'.length + MIB);
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => void pieces.push(piece));
      return pieces;
    });
    await settle();
    expect(one![0]).toBe(two![0]);
  });

  it('counts among them after its end, until its reader has it', () => {
    const readers = Array.from({ length: 9 }, () => {
      [reply, events] = [new FakeReply(), new Subject()];
      const stream = open();
      say(1, JSON.stringify('x'.repeat(7.9 * MIB)));
      stream.end({ status: 200, body: null, error: null, workerError: null });
      return reply.raw;
    });
    expect(readers.filter(({ destroy }) => destroy.mock.calls.length > 0)).toHaveLength(1);
  });

  it('is cut off when nothing is left to say and its reader takes nothing of it for 30 s', () => {
    const stream = open();
    say(1, '{}');
    stream.end({ status: 200, body: null, error: null, workerError: null });
    vi.advanceTimersByTime(15_000);
    reply.stream.read(1);
    vi.advanceTimersByTime(30_000);
    expect(reply.raw.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(15_000);
    expect(reply.raw.destroy).toHaveBeenCalledOnce();
  });

  it('hears nothing more once it is closed', async () => {
    open();
    reply.stream.destroy();
    await new Promise((resolve) => reply.stream.once('close', resolve));
    expect(events.observed).toBe(false);
  });
});
