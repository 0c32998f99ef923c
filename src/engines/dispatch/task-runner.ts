/**
 * Runs leased tasks: body in, call to the upstream, verdict, record. A task's permit goes back when its call has ended, not
 * when its result is stored, so the upstream is never idle for the disk's sake.
 */
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { crashPoint } from '../../kernel/crash-point.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import { Clock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { Limiter } from '../../ports/limiter.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import { BatchSources, type BatchSource } from './batch-sources.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { Recorder, type Held } from './recorder.js';
import { readBodies, streamBody } from './slice-bodies.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import { UpstreamClient, type UpstreamCall } from './upstream-client.js';
import type { UpstreamGate } from './upstream-gate.js';
import { judgeAnswer, judgeFailure, type Verdict } from './verdict.js';

/** What is read once for the tasks of a slice that belong to one batch. */
interface Prepared {
  source: BatchSource;
  bodies: (Buffer | null)[];
}

interface Running extends Held {
  gate: UpstreamGate;
  upstream: Upstream;
  call: UpstreamCall | null;
  /** Set when the task is to be given up before its call has begun. */
  abortReason: string | null;
}

@Injectable()
export class TaskRunner {
  private readonly running = new Map<number, Running>();
  private pending = 0;
  private idle: (() => void) | null = null;

  constructor(
    private readonly client: UpstreamClient,
    private readonly recorder: Recorder,
    private readonly sources: BatchSources,
    private readonly blobs: BlobStore,
    private readonly limiter: Limiter,
    private readonly clock: Clock,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  /** Starts a slice; each of its tasks holds a permit of the gate. */
  start(lane: Lane, upstream: Upstream, gate: UpstreamGate, slice: readonly LeasedTask[]): void {
    const startedAt = this.clock.now();
    for (const [batchSeq, tasks] of groupByBatch(slice)) {
      const group = tasks.map((task): Running => {
        const running = { task, lane, startedAt, gate, upstream, call: null, abortReason: null };
        this.running.set(task.seq, running);
        return running;
      });
      void this.startGroup(batchSeq, group, tasks);
    }
  }

  /** Puts tasks that were leased but not started back into their places. */
  release(lane: Lane, tasks: readonly LeasedTask[]): void {
    const startedAt = this.clock.now();
    for (const task of tasks) this.track(task, this.recorder.release({ task, lane, startedAt }, 'not_started'));
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
    if (this.pending > 0 || this.running.size > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private abort(which: (running: Running) => boolean, reason: string): void {
    for (const running of this.running.values()) {
      if (!which(running)) continue;
      running.abortReason = reason;
      running.call?.abort(reason);
    }
  }

  private async startGroup(batchSeq: number, group: readonly Running[], tasks: readonly LeasedTask[]): Promise<void> {
    const prepared = await this.prepare(batchSeq, tasks).catch((error: unknown) => this.unreadable(error));
    group.forEach((running, index) => this.track(running.task, this.run(running, prepared, index)));
  }

  private async prepare(batchSeq: number, tasks: readonly LeasedTask[]): Promise<Prepared> {
    const source = await this.sources.of(batchSeq);
    return { source, bodies: await readBodies(this.blobs, source.blobKey, tasks) };
  }

  private unreadable(error: unknown): UpstreamFailure {
    this.telemetry.failed(error, 'the input of a batch could not be read');
    return new UpstreamFailure('no_body', 'The input file could not be read.', error);
  }

  /** Keeps count of work whose end nobody else waits for. */
  private track(task: LeasedTask, work: Promise<void>): void {
    this.pending += 1;
    const end = () => {
      this.running.delete(task.seq);
      this.pending -= 1;
      if (this.pending === 0 && this.running.size === 0) this.idle?.();
    };
    work.then(end, (error: unknown) => {
      this.telemetry.failed(error, 'a task stays leased until the next start, because its end could not be stored');
      end();
    });
  }

  private async run(running: Running, prepared: Prepared | UpstreamFailure, index: number): Promise<void> {
    const { maxTries, backoff } = running.lane.queue.retry;
    const tries = { tries: running.task.tries, maxTries: maxTries ?? this.recorder.maxTries, backoff };
    const result = await this.call(running, prepared, index);
    if (result instanceof UpstreamFailure) await this.apply(running, judgeFailure(result, tries), null);
    else await this.apply(running, judgeAnswer(result, tries), result);
  }

  /** Gives the permit back when the call has ended, however. */
  private async call(
    running: Running,
    prepared: Prepared | UpstreamFailure,
    index: number,
  ): Promise<UpstreamAnswer | UpstreamFailure> {
    const { gate, upstream } = running;
    const startedAt = performance.now();
    try {
      if (prepared instanceof UpstreamFailure) throw prepared;
      const body = prepared.bodies[index] ?? (await this.stream(prepared.source, running.task));
      crashPoint('dispatch:leased');
      const answer = await gate.run(() => this.send(running, prepared.source.endpoint, body));
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

  private stream(source: BatchSource, task: LeasedTask): Promise<Readable> {
    return streamBody(this.blobs, source.blobKey, task).catch((error: unknown) => {
      throw this.unreadable(error);
    });
  }

  private send(running: Running, endpoint: string, body: Buffer | Readable): Promise<UpstreamAnswer> {
    const { upstream, task } = running;
    const call = this.client.post({ upstream, endpoint, body, bodyLength: task.bodyLength! });
    running.call = call;
    if (running.abortReason !== null) call.abort(running.abortReason);
    return call.answer;
  }

  private async apply(running: Running, verdict: Verdict, answer: UpstreamAnswer | null): Promise<void> {
    const { gate, upstream } = running;
    switch (verdict.kind) {
      case 'record':
        gate.speedUp();
        await this.recorder.answer(running, answer!, verdict.json);
        break;
      case 'retry':
        await this.recorder.retry(running, verdict.afterMs, verdict.statusCode, verdict.detail);
        break;
      case 'pace':
        gate.slowDown(verdict.retryAfterMs);
        this.telemetry.paced(upstream.name, { status: verdict.statusCode, retryAfterMs: verdict.retryAfterMs });
        await this.recorder.release(running, 'pace');
        break;
      case 'unreachable':
        await this.recorder.release(running, 'unreachable');
        break;
      case 'give_up':
        await this.recorder.giveUp(running, verdict.code, verdict.message);
        break;
      case 'aborted':
        await this.recorder.release(running, 'aborted');
        break;
    }
  }
}

function groupByBatch(slice: readonly LeasedTask[]): Map<number, LeasedTask[]> {
  const groups = new Map<number, LeasedTask[]>();
  for (const task of slice) {
    const group = groups.get(task.batchSeq!);
    if (group) group.push(task);
    else groups.set(task.batchSeq!, [task]);
  }
  return groups;
}
