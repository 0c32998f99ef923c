/** Streams of what tasks say, each to one caller. One timer keeps all of them alive. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { LARGE_BYTES } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import type { NumberedEvent } from '../../modules/tasks/task-requests.js';
import type { WaitingCall } from '../../modules/tasks/waiting-calls.js';
import { cutOffIdle, pushPieces } from './answer-rooms.js';
import { endFrame, errorFrame, eventFrame, PING } from './event-frames.js';
import type { TaskAnswer } from './task-answers.js';

const PING_MS = 15_000;
/** What waits for a caller who reads too slowly, at most; he can come back and go on where he was. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** For all of them together; beyond it whoever has most of it is cut off. */
const MAX_ALL_BYTES = 64 * 1024 * 1024;
/** Who has less waiting is not looked at. */
const SLOW_BYTES = 64 * 1024;

interface Open {
  stream: Readable;
  response: ServerResponse;
  /** Nothing more is said. */
  isEnding: boolean;
  cutOff: () => void;
}

export interface OpenStream {
  /** Resolves when the caller read so slowly that he was cut off. */
  overrun: Promise<'overrun'>;
  /** Says what the events have not said, and ends. */
  end: (answer: TaskAnswer) => void;
  /** Says why it ends too early. Throws what is no expected failure. */
  fail: (error: unknown) => void;
}

@Injectable()
export class EventStreams implements OnModuleDestroy {
  private readonly streams = new Set<Open>();
  /** Of large events: all who hear one have the same bytes waiting. */
  private readonly frames = new WeakMap<NumberedEvent, Buffer>();
  private pinger: NodeJS.Timeout | null = null;

  /** Sends the events of this call from now on. `isResumed`: the caller has some of them already. */
  open(call: WaitingCall, reply: FastifyReply, isResumed = false): OpenStream {
    const response = reply.raw;
    const stream = new Readable({ read: () => response.flushHeaders() });
    const open: Open = { stream, response, isEnding: false, cutOff: () => response.destroy() };
    let isSilent = !isResumed;
    const overrun = new Promise<'overrun'>((resolve) => {
      open.cutOff = () => {
        this.streams.delete(open);
        response.destroy();
        resolve('overrun');
      };
      const subscription = call.events.subscribe({
        next: (events) => {
          isSilent = false;
          if (events.some(isLarge)) for (const event of events) stream.push(this.frameOf(event));
          else stream.push(framesOf(events));
          if (stream.readableLength > MAX_WAITING_BYTES) open.cutOff();
          else if (waitingOf(open) > SLOW_BYTES) this.cutOffSlowest();
        },
        error: () => {}, // its end says the same
      });
      stream.once('close', () => subscription.unsubscribe());
    });
    this.keepAlive(open);
    void reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(stream);
    const finish = (frame: string) => {
      open.isEnding = true;
      const last = Buffer.from(frame);
      if (last.length >= LARGE_BYTES) this.streams.delete(open); // it has a room of its own
      pushPieces(stream, last);
      stream.push(null);
      if (waitingOf(open) > SLOW_BYTES) this.cutOffSlowest();
      if (waitingOf(open) > 0) cutOffIdle(stream, response);
    };
    return {
      overrun,
      end: (answer) => finish(endFrame(answer, isSilent)),
      fail: (error) => {
        finish(errorFrame(...failureOf(error)));
        if (!(error instanceof MillraceError)) throw error;
      },
    };
  }

  onModuleDestroy(): void {
    if (this.pinger) clearInterval(this.pinger);
  }

  private frameOf(event: NumberedEvent): Buffer {
    const frame = this.frames.get(event) ?? Buffer.from(eventFrame(event));
    if (isLarge(event)) this.frames.set(event, frame);
    return frame;
  }

  private keepAlive(open: Open): void {
    this.streams.add(open);
    open.stream.once('close', () => this.streams.delete(open));
    this.pinger ??= setInterval(() => {
      for (const { stream, isEnding } of this.streams) if (!isEnding) stream.push(PING);
    }, PING_MS).unref();
  }

  private cutOffSlowest(): void {
    for (;;) {
      const slow = [...this.streams].filter((open) => waitingOf(open) > SLOW_BYTES);
      if (slow.reduce((sum, open) => sum + waitingOf(open), 0) <= MAX_ALL_BYTES) return;
      slow.reduce((most, open) => (waitingOf(open) > waitingOf(most) ? open : most)).cutOff();
    }
  }
}

function isLarge({ data }: NumberedEvent): boolean {
  return data.length > SLOW_BYTES;
}

function waitingOf({ stream, response }: Open): number {
  return stream.readableLength + response.writableLength;
}

function framesOf(events: readonly NumberedEvent[]): string {
  return events.map(eventFrame).join('');
}

function failureOf(error: unknown): [status: number, failure: { code: string; message: string }] {
  if (error instanceof MillraceError) return [error.status, { code: error.code, message: error.message }];
  return [500, { code: 'internal', message: 'The server had an error while it streamed this task.' }];
}
