/** Streams of what tasks say, each to one caller. One timer keeps all of them alive. */
import { Readable } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import type { NumberedEvent } from '../../modules/tasks/task-requests.js';
import type { WaitingCall } from '../../modules/tasks/waiting-calls.js';
import { endFrame, errorFrame, eventFrame, PING } from './event-frames.js';
import type { TaskAnswer } from './task-answers.js';

const PING_MS = 15_000;
/** What waits for a caller who reads too slowly, at most; he can come back and go on where he was. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

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
  private readonly streams = new Set<Readable>();
  private pinger: NodeJS.Timeout | null = null;

  /** Sends the events of this call from now on. `isResumed`: the caller has some of them already. */
  open(call: WaitingCall, reply: FastifyReply, isResumed = false): OpenStream {
    const stream = new Readable({ read: () => reply.raw.flushHeaders() });
    let isSilent = !isResumed;
    const overrun = new Promise<'overrun'>((resolve) => {
      const subscription = call.events.subscribe({
        next: (events) => {
          isSilent = false;
          stream.push(framesOf(events));
          if (stream.readableLength <= MAX_WAITING_BYTES) return;
          reply.raw.destroy();
          resolve('overrun');
        },
        error: () => {}, // its end says the same
      });
      stream.once('close', () => subscription.unsubscribe());
    });
    this.keepAlive(stream);
    void reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(stream);
    const finish = (frame: string) => {
      this.streams.delete(stream);
      if (frame !== '') stream.push(frame);
      stream.push(null);
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

  private keepAlive(stream: Readable): void {
    this.streams.add(stream);
    stream.once('close', () => this.streams.delete(stream));
    this.pinger ??= setInterval(() => {
      for (const open of this.streams) open.push(PING);
    }, PING_MS).unref();
  }
}

function framesOf(events: readonly NumberedEvent[]): string {
  return events.map(eventFrame).join('');
}

function failureOf(error: unknown): [status: number, failure: { code: string; message: string }] {
  if (error instanceof MillraceError) return [error.status, { code: error.code, message: error.message }];
  return [500, { code: 'internal', message: 'The server had an error while it streamed this task.' }];
}
