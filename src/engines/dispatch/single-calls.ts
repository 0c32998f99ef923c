/**
 * What the call of a single task has that the call of a batch line has not: an endpoint of its own, a stream, and a caller, for
 * whose sake it may begin early.
 */
import { Injectable } from '@nestjs/common';
import { isEndpoint } from '../../kernel/endpoint.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import type { NewTask } from '../../store/procedures/single-shapes.js';
import { EarlyCall } from './early-call.js';
import { EventRelays } from './event-relays.js';
import type { EventRelay } from './event-relay.js';
import { EventStreamReader } from './event-stream-reader.js';
import { Recorder, type Held } from './recorder.js';
import { isStreaming, type SingleTask } from './single-task.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import { UpstreamClient } from './upstream-client.js';
import type { UpstreamGate } from './upstream-gate.js';
import { usageOf } from '../../modules/tasks/usage.js';

/** The way of a stream's events to its caller. */
export interface StreamedCall {
  reader: EventStreamReader;
  relay: EventRelay;
}

@Injectable()
export class SingleCalls {
  constructor(
    private readonly relays: EventRelays,
    private readonly recorder: Recorder,
    private readonly client: UpstreamClient,
  ) {}

  /** Calls the upstream for a task that is about to be stored; null where that has to wait. */
  begin({ queue }: Lane, upstream: Upstream, task: NewTask): EarlyCall | null {
    const endpoint = task.endpoint ?? queue.endpoint;
    if (task.body === null || endpoint === null || !isEndpoint(endpoint)) return null;
    const body = Buffer.from(task.body);
    const reader = isStreaming(task) ? new EventStreamReader() : null;
    return new EarlyCall(this.client.post({ upstream, endpoint, body, bodyLength: body.length, reader }), reader);
  }

  /**
   * Null when the answer is wanted whole. The reader keeps what it reads until it is passed on. `onLost`: told when the store
   * says that the task is not ours any more.
   */
  stream(held: Held, single: SingleTask, early: EarlyCall | null, onLost: () => void): StreamedCall | null {
    if (!isStreaming(single)) return null;
    const relay = this.relays.open(held, single, 0, onLost);
    return { relay, reader: early?.reader ?? new EventStreamReader() };
  }

  /** Where the task goes: its own endpoint, else that of its queue, which had no upstream when what is none was let in. */
  endpointOf({ single, lane }: Held): string {
    const endpoint = single?.endpoint ?? lane.queue.endpoint;
    if (endpoint !== null && isEndpoint(endpoint)) return endpoint;
    const text =
      endpoint === null ? 'Neither the task nor its queue names an endpoint.' : `'${endpoint}' is no endpoint.`;
    throw new UpstreamFailure('no_endpoint', text);
  }

  /** Ends a stream that its caller has heard a part of: it is not tried again, whatever has become of it. */
  async endStream(
    held: Held & { gate: UpstreamGate },
    { relay, reader }: StreamedCall,
    result: UpstreamAnswer | UpstreamFailure,
  ): Promise<void> {
    const lastWords = await relay.lastWords();
    if (result instanceof UpstreamFailure) {
      const code = result.kind === 'too_large' ? 'response_too_large' : 'stream_interrupted';
      const message = result.kind === 'aborted' ? 'The server stopped in the middle of the stream.' : result.message;
      return this.recorder.giveUp(held, code, message, lastWords);
    }
    held.gate.speedUp();
    const { usage } = reader;
    const body = usage === null ? null : JSON.stringify({ usage });
    return this.recorder.complete(held, result.status, result.requestId, body, usageOf({ usage }), lastWords);
  }
}
