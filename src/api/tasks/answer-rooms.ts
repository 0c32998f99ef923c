/**
 * What large answers hold in memory together, from when they are read until they are sent. Whoever takes nothing of his is cut
 * off, so that he keeps it from the others for half a minute and not for ever.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ByteGate, LARGE_BYTES, type Hold, type Keep } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';

/** Bodies and results; while they are read and written, several times as much memory. */
const CAPACITY = 64 * 1024 * 1024;
/** A worker's lease runs while he waits for room. */
const PATIENCE_MS = 5_000;
/** A caller on the line has waited for the answer itself, and nothing is held for him. */
export const CALLER_PATIENCE_MS = 60_000;
/** Given to a connection at a time, so that it is seen whether it takes anything. */
const PIECE_BYTES = 256 * 1024;
const LOOK_MS = 15_000;
const MAX_IDLE_LOOKS = 2;

@Injectable()
export class AnswerRooms {
  private readonly gate = new ByteGate(CAPACITY);

  /** For the answer to one request. */
  of(reply: FastifyReply, patienceMs = PATIENCE_MS): AnswerRoom {
    return new AnswerRoom(this.gate, reply, patienceMs);
  }
}

export class AnswerRoom {
  private keep: Keep | null = null;

  constructor(
    private readonly gate: ByteGate,
    private readonly reply: FastifyReply,
    private readonly patienceMs: number,
  ) {}

  /** At most once. Refuses also when the caller hangs up meanwhile. */
  readonly hold: Hold = async (bytes, read) => {
    if (bytes < LARGE_BYTES) return;
    this.keepUntilClosed(await this.gate.enter(bytes, this.patienceMs, read));
  };

  /** Sends the answer. */
  send(json: Buffer): void {
    if (json.length < LARGE_BYTES) {
      void this.reply.send(json);
      return;
    }
    // It is as large as it is, which is not always what was read for it.
    if (this.keep === null) this.keepUntilClosed(this.gate.add(json.length));
    else this.keep(json.length);
    const stream = new Readable({ read: () => {} });
    pushPieces(stream, json);
    stream.push(null);
    void this.reply.header('content-length', json.length).send(stream);
    cutOffIdle(stream, this.reply.raw);
  }

  private keepUntilClosed(keep: Keep): void {
    const { raw } = this.reply;
    if (raw.destroyed) {
      keep(0);
      throw new MillraceError('invalid_request', 'The caller hung up before the answer was out.');
    }
    this.keep = keep;
    raw.once('close', () => keep(0));
  }
}

export function pushPieces(stream: Readable, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) stream.push(bytes.subarray(at, at + PIECE_BYTES));
}

/** Cuts off a caller to whom there is nothing to say but what this stream holds, once he takes none of it for 30 s. */
export function cutOffIdle(stream: Readable, response: ServerResponse): void {
  if (response.destroyed) return;
  const unsent = () => stream.readableLength + response.writableLength;
  let before = unsent();
  let idleLooks = 0;
  const timer = setInterval(() => {
    const now = unsent();
    idleLooks = now === before ? idleLooks + 1 : 0;
    before = now;
    // Not at the first: a process that was halted looks before it sends.
    if (idleLooks >= MAX_IDLE_LOOKS) response.destroy();
  }, LOOK_MS).unref();
  response.once('close', () => clearInterval(timer));
}
