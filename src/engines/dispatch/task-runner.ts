/**
 * Runs leased tasks: body in, call to the upstream, verdict, record. A task's permit goes back when its call has ended, not
 * when its result is stored, so the upstream is never idle for the disk's sake.
 */
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { crashPoint } from '../../kernel/crash-point.js';
import { SlotList, type Slotted } from '../../kernel/slot-list.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import { Clock } from '../../kernel/clock.js';
import { Limiter } from '../../ports/limiter.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { Recorder, type Held } from './recorder.js';
import { SliceLoader, type LoadedTask, type SliceInput } from './slice-loader.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import { UpstreamClient, type UpstreamCall } from './upstream-client.js';
import type { UpstreamGate } from './upstream-gate.js';
import { judgeAnswer, judgeFailure, type Verdict } from './verdict.js';

interface Running extends Held, Slotted {
  gate: UpstreamGate;
  upstream: Upstream;
  call: UpstreamCall | null;
  /** Set when the task is to be given up before its call has begun. */
  abortReason: string | null;
}

@Injectable()
export class TaskRunner {
  private readonly running = new SlotList<Running>();
  /** Releases under way. */
  private releases = 0;
  private idle: (() => void) | null = null;

  constructor(
    private readonly client: UpstreamClient,
    private readonly recorder: Recorder,
    private readonly loader: SliceLoader,
    private readonly limiter: Limiter,
    private readonly clock: Clock,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  /** Begins to read what the calls of leased tasks will need. */
  load(slice: readonly LeasedTask[]): LoadedTask[] {
    return this.loader.load(slice);
  }

  /** Starts tasks; each holds a permit of the gate. */
  start(lane: Lane, upstream: Upstream, gate: UpstreamGate, tasks: readonly LoadedTask[]): void {
    const startedAt = this.clock.now();
    for (const { task, input, place } of tasks) {
      const running: Running = { task, lane, startedAt, gate, upstream, call: null, abortReason: null, slot: -1 };
      this.running.add(running);
      this.track(this.run(running, input, place), () => this.running.remove(running));
    }
  }

  /** Puts tasks that were leased but not started back into their places. */
  release(lane: Lane, tasks: readonly LeasedTask[]): void {
    const startedAt = this.clock.now();
    for (const task of tasks) {
      this.releases += 1;
      this.track(this.recorder.release({ task, lane, startedAt }, 'not_started'), () => (this.releases -= 1));
    }
  }

  /** Ends the calls of tasks that nobody waits for any more. */
  abortBatch(batchSeq: number): void {
    this.abort((running) => running.task.batchSeq === batchSeq, 'the batch has ended');
  }

  abortAll(reason: string): void {
    this.abort(() => true, reason);
  }

  /** Resolves when nothing runs. */
  async drained(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private abort(which: (running: Running) => boolean, reason: string): void {
    for (const running of this.running) {
      if (!which(running)) continue;
      running.abortReason = reason;
      running.call?.abort(reason);
    }
  }

  private get isIdle(): boolean {
    return this.releases === 0 && this.running.size === 0;
  }

  /** Sees work to its end, for which nobody else waits. */
  private track(work: Promise<void>, forget: () => void): void {
    const end = () => {
      forget();
      if (this.isIdle) this.idle?.();
    };
    work.then(end, (error: unknown) => {
      this.telemetry.failed(error, 'a task stays leased until the next start, because its end could not be stored');
      end();
    });
  }

  private async run(running: Running, input: LoadedTask['input'], place: number): Promise<void> {
    const { maxTries, backoff } = running.lane.queue.retry;
    const tries = { tries: running.task.tries, maxTries: maxTries ?? this.recorder.maxTries, backoff };
    const result = await this.call(running, await input, place);
    if (result instanceof UpstreamFailure) await this.apply(running, judgeFailure(result, tries), null);
    else await this.apply(running, judgeAnswer(result, tries), result);
  }

  /** Gives the permit back when the call has ended, however. */
  private async call(
    running: Running,
    input: SliceInput | UpstreamFailure,
    place: number,
  ): Promise<UpstreamAnswer | UpstreamFailure> {
    const { gate, upstream } = running;
    const startedAt = performance.now();
    try {
      if (input instanceof UpstreamFailure) throw input;
      const body = input.bodies[place] ?? (await this.loader.stream(input.source, running.task));
      crashPoint('dispatch:leased');
      const answer = await gate.run(() => this.send(running, input.source.endpoint, body));
      this.telemetry.called(upstream.name, String(answer.status), startedAt);
      return answer;
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      this.telemetry.called(upstream.name, error.kind, startedAt);
      return error;
    } finally {
      running.call = null;
      this.limiter.release(gate.key, 1);
    }
  }

  private send(running: Running, endpoint: string, body: Buffer | Readable): Promise<UpstreamAnswer> {
    const { upstream, task } = running;
    const call = this.client.post({ upstream, endpoint, body, bodyLength: task.bodyLength! });
    running.call = call;
    if (running.abortReason !== null) call.abort(running.abortReason);
    return call.answer;
  }

  private apply(running: Running, verdict: Verdict, answer: UpstreamAnswer | null): Promise<void> {
    const { gate, upstream } = running;
    switch (verdict.kind) {
      case 'record':
        gate.speedUp();
        return this.recorder.answer(running, answer!, verdict.json);
      case 'retry':
        return this.recorder.retry(running, verdict.afterMs, verdict.statusCode, verdict.detail);
      case 'pace':
        gate.slowDown(verdict.retryAfterMs);
        this.telemetry.paced(upstream.name, { status: verdict.statusCode, retryAfterMs: verdict.retryAfterMs });
        return this.recorder.release(running, 'pace');
      case 'give_up':
        return this.recorder.giveUp(running, verdict.code, verdict.message);
      default:
        return this.recorder.release(running, verdict.kind);
    }
  }
}
