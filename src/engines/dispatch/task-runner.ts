/**
 * Runs leased tasks: body in, call to the upstream, verdict, record. A task's permit goes back when its call has ended, not
 * when its result is stored, so the upstream is never idle for the disk's sake.
 */
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
import { bodyLoaders, type LoadBody } from './slice-bodies.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import { UpstreamClient, type UpstreamCall, type UpstreamRequest } from './upstream-client.js';
import type { UpstreamGate } from './upstream-gate.js';
import { judgeAnswer, judgeFailure, type Verdict } from './verdict.js';

/** A task's own part of what is read once per slice. */
interface Prepared {
  source: BatchSource;
  loadBody: LoadBody;
}

interface Running extends Held {
  gate: UpstreamGate;
  upstream: Upstream;
  prepare: () => Promise<Prepared>;
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

  get count(): number {
    return this.running.size;
  }

  /** Starts a slice; each of its tasks holds a permit of the gate. */
  start(lane: Lane, upstream: Upstream, gate: UpstreamGate, slice: readonly LeasedTask[]): void {
    const startedAt = this.clock.now();
    for (const [batchSeq, tasks] of groupByBatch(slice)) {
      const prepared = this.prepare(batchSeq, tasks);
      tasks.forEach((task, index) => {
        const prepare = async () => (await prepared)[index]!;
        const running = { task, lane, startedAt, gate, upstream, prepare, call: null, abortReason: null };
        this.running.set(task.seq, running);
        this.track(task, this.run(running));
      });
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
    if (this.pending > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private abort(which: (running: Running) => boolean, reason: string): void {
    for (const running of this.running.values()) {
      if (!which(running)) continue;
      running.abortReason = reason;
      running.call?.abort(reason);
    }
  }

  private async prepare(batchSeq: number, tasks: readonly LeasedTask[]): Promise<Prepared[]> {
    const source = await this.sources.of(batchSeq);
    return bodyLoaders(this.blobs, source.blobKey, tasks).map((loadBody) => ({ source, loadBody }));
  }

  /** Keeps count of work whose end nobody else waits for. */
  private track(task: LeasedTask, work: Promise<void>): void {
    this.pending += 1;
    const end = () => {
      this.running.delete(task.seq);
      this.pending -= 1;
      if (this.pending === 0) this.idle?.();
    };
    work.then(end, (error: unknown) => {
      this.telemetry.failed(error, 'a task stays leased until the next start, because its end could not be stored');
      end();
    });
  }

  private async run(running: Running): Promise<void> {
    const tries = { tries: running.task.tries, maxTries: this.recorder.maxTries };
    const result = await this.call(running);
    if (result instanceof UpstreamFailure) await this.apply(running, judgeFailure(result, tries), null);
    else await this.apply(running, judgeAnswer(result, tries), result);
  }

  /** Gives the permit back when the call has ended, however. */
  private async call(running: Running): Promise<UpstreamAnswer | UpstreamFailure> {
    const { gate, upstream } = running;
    const startedAt = performance.now();
    try {
      const request = await this.requestOf(running);
      crashPoint('dispatch:leased');
      const answer = await gate.run(() => this.send(running, request));
      this.telemetry.called(upstream.name, String(answer.status), startedAt);
      return answer;
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      this.telemetry.called(upstream.name, error.kind, startedAt);
      return error;
    } finally {
      this.limiter.release(gate.key, 1);
    }
  }

  private async requestOf({ prepare, upstream, task }: Running): Promise<UpstreamRequest> {
    try {
      const { source, loadBody } = await prepare();
      return { upstream, endpoint: source.endpoint, body: await loadBody(), bodyLength: task.bodyLength! };
    } catch (error) {
      this.telemetry.failed(error, 'the body of a task could not be read');
      throw new UpstreamFailure('no_body', 'The input file could not be read.', error);
    }
  }

  private send(running: Running, request: UpstreamRequest): Promise<UpstreamAnswer> {
    const call = this.client.post(request);
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
      case 'unreachable':
        return this.recorder.release(running, 'unreachable');
      case 'give_up':
        return this.recorder.giveUp(running, verdict.code, verdict.message);
      case 'aborted':
        return this.recorder.release(running, 'aborted');
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
