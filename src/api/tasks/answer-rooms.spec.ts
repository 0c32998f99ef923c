import { EventEmitter } from 'node:events';
import { Writable, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { FastifyReply } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle } from '../../../test/support/inbox.js';
import { AnswerRooms } from './answer-rooms.js';

const MIB = 1024 * 1024;

/** As much of a reply as a room needs. */
class FakeReply {
  readonly raw = Object.assign(new EventEmitter(), { destroy: vi.fn(), destroyed: false, writableLength: 0 });
  readonly headers: unknown[] = [];
  payload!: Readable | Buffer;

  header(...header: unknown[]): this {
    this.headers.push(header);
    return this;
  }

  send(payload: Readable | Buffer): void {
    this.payload = payload;
  }

  close(): void {
    this.raw.destroyed = true;
    this.raw.emit('close');
  }
}

let rooms: AnswerRooms;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  rooms = new AnswerRooms();
});
afterEach(() => void vi.useRealTimers());

function open() {
  const reply = new FakeReply();
  return { reply, room: rooms.of(reply as unknown as FastifyReply) };
}

/** Whether an answer so large is let in just now. */
async function hasRoom(mib: number): Promise<boolean> {
  const { reply, room } = open();
  let isIn = false;
  const held = room.hold(mib * MIB).then(() => (isIn = true));
  await settle();
  const was = isIn;
  reply.close();
  if (was) await held;
  else held.catch(() => {});
  return was;
}

describe('the room of an answer', () => {
  it('is held until the answer is out', async () => {
    const { reply, room } = open();
    await room.hold(64 * MIB);
    room.send(Buffer.alloc(60 * MIB));
    expect(await hasRoom(4)).toBe(true); // it is what is sent that counts
    expect(await hasRoom(5)).toBe(false);
    reply.close();
    expect(await hasRoom(64)).toBe(true);
  });

  it('is taken also by an answer that turned out large', async () => {
    const { reply, room } = open();
    await room.hold(1000);
    room.send(Buffer.alloc(2 * MIB));
    expect(await hasRoom(63)).toBe(false);
    reply.close();
    expect(await hasRoom(64)).toBe(true);
  });

  it('is given back at once by a caller who hung up while he waited', async () => {
    const [first, second] = [open(), open()];
    await first.room.hold(64 * MIB);
    const held = second.room.hold(64 * MIB);
    second.reply.close();
    first.reply.close();
    await expect(held).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await hasRoom(64)).toBe(true);
  });
});

describe('a large answer', () => {
  it('leaves no timer behind when its caller hung up while it was read', async () => {
    const { reply, room } = open();
    await room.hold(2 * MIB);
    reply.close();
    room.send(Buffer.alloc(2 * MIB));
    expect(vi.getTimerCount()).toBe(0);
    expect(await hasRoom(64)).toBe(true);
  });

  it('is sent whole, in pieces, with its length', async () => {
    const { reply, room } = open();
    const json = Buffer.from(`"${'x'.repeat(MIB)}"`);
    room.send(json);
    expect(reply.headers).toEqual([['content-length', MIB + 2]]);
    const pieces: Buffer[] = [];
    const connection = new Writable({ write: (piece: Buffer, _, done) => done(void pieces.push(piece)) });
    await finished((reply.payload as Readable).pipe(connection));
    expect(pieces).toHaveLength(5);
    expect(Buffer.concat(pieces).equals(json)).toBe(true);
    reply.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is cut off when nothing of it is taken for 30 s, and not before', () => {
    const { reply, room } = open();
    room.send(Buffer.alloc(2 * MIB));
    for (let n = 0; n < 3; n += 1) {
      vi.advanceTimersByTime(29_999);
      (reply.payload as Readable).read(1);
      vi.advanceTimersByTime(1);
    }
    expect(reply.raw.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(30_000);
    expect(reply.raw.destroy).toHaveBeenCalledOnce();
  });
});
