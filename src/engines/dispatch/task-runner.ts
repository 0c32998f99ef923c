/**
 * Runs leased tasks: body in, call to the upstream, verdict, record. A task's permit goes back when its call has ended, not
 * when its result is stored, so the upstream is never idle for the disk's sake.
 *
 * What a streaming task's upstream says is passed on as it comes. Once it has said anything the task is not tried again: its
 * end is recorded with the last of what was said, when the rest is stored.
 */
import { Injectable } from '@nestjs/common';
import { crashPoint } from '../../kernel/crash-point.js';
import { SlotList, type Slotted } from '../../kernel/slot-list.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import { Clock } from '../../kernel/clock.js';
import { Limiter } from '../../ports/limiter.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import type { NewTask } from '../../store/procedures/single-shapes.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import type { EarlyCall } from './early-call.js';
import { Recorder, type Held } from './recorder.js';
import { SingleCalls, type StreamedCall } from './single-calls.js';
import { maxTriesOf, timeLeftOf, type SingleTask } from './single-task.js';
import { SliceLoader, type LoadedTask, type SliceInput } from './slice-loader.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import { UpstreamClient, type UpstreamCall } from './upstream-client.js';
import type { UpstreamGate } from './upstream-gate.js';
import { isBusy, judgeAnswer, judgeFailure, type Tries, type Verdict } from './verdict.js';

interface Running extends Held, Slotted {
  gate: UpstreamGate;
  upstream: Upstream;
  /** The call, where it was under way before the task was stored. */
  early: EarlyCall | null;
  call: UpstreamCall | null;
  /** Of a streaming task; null for all others, and until it has been read. */
  stream: StreamedCall | null;
  /** Set when the task is to be given up before its call has begun. */
  abortReason: string | null;
  /** The task has ended without us: what becomes of the call is nobody's business any more. */
  isLost: boolean;
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
    private readonly singleCalls: SingleCalls,
  ) {}

  /** Begins to read what the calls of leased tasks will need. */
  load(slice: readonly LeasedTask[]): LoadedTask[] {
    return this.loader.load(slice);
  }

  /**
   * Begins the call of a single task that is about to be stored, with a permit in hand; null where it has to wait. Who gets one
   * must hand it to `known` and `start`, or to `giveUp`.
   */
  beginEarly(lane: Lane, upstream: Upstream, gate: UpstreamGate, task: NewTask): EarlyCall | null {
    return gate.isUntroubled ? this.singleCalls.begin(lane, upstream, task) : null;
  }

  /** Ends a call whose task is not run here after all. Its permit is the business of who holds it. */
  giveUp(early: EarlyCall, upstream: Upstream): void {
    early.giveUp();
    this.telemetry.called(upstream.name, 'aborted', early.startedAt);
  }

  /** For a single task that this process has just stored. */
  known(task: LeasedTask, single: SingleTask, body: string | null, early: EarlyCall | null): LoadedTask {
    return this.loader.known(task, single, body, early);
  }

  /** Starts tasks; each holds a permit of the gate. */
  start(lane: Lane, upstream: Upstream, gate: UpstreamGate, tasks: readonly LoadedTask[]): void {
    const startedAt = this.clock.now();
    for (const { task, input, place, early } of tasks) {
      const running: Running = {
        task,
        lane,
        startedAt,
        single: null,
        gate,
        upstream,
        early,
        call: null,
        stream: null,
        abortReason: null,
        isLost: false,
        slot: -1,
      };
      this.running.add(running);
      this.track(this.run(running, input, place), () => this.running.remove(running));
    }
  }

  /** Puts tasks that were leased but not started back into their places. */
  release(lane: Lane, tasks: readonly LeasedTask[]): void {
    const startedAt = this.clock.now();
    for (const task of tasks) {
      this.releases += 1;
      const held = { task, lane, startedAt, single: null };
      this.track(this.recorder.release(held, 'not_started'), () => (this.releases -= 1));
    }
  }

  /** Tasks that were started by then, epoch ms, and run still, or whose ends are being stored. */
  runningSince(startedBy: number): LeasedTask[] {
    return [...this.running].filter(({ startedAt }) => startedAt <= startedBy).map(({ task }) => task);
  }

  /** Of the tasks that run, and of those whose ends are being stored. */
  taskSeqs(): number[] {
    return [...this.running].map(({ task }) => task.seq);
  }

  /** Ends the calls of tasks that nobody waits for any more. */
  abortBatch(batchSeq: number): void {
    this.abort((running) => running.task.batchSeq === batchSeq, 'the batch has ended');
  }

  /** Ends the call of a task that was cancelled, or whose time is over; of one lease of it, if that is named. */
  abortTask(taskSeq: number, epoch: number | null = null): void {
    for (const running of this.running) {
      const { task } = running;
      if (task.seq === taskSeq && (epoch === null || task.epoch === epoch)) this.lose(running);
    }
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

  private lose(running: Running): void {
    running.isLost = true;
    running.abortReason = 'the task has ended';
    running.call?.abort(running.abortReason);
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

  private async run(running: Running, reading: LoadedTask['input'], place: number): Promise<void> {
    const input = await reading;
    if (!(input instanceof UpstreamFailure) && input.singles !== null) {
      running.single = input.singles[place]!;
      running.stream = this.singleCalls.stream(running, running.single, running.early, () => this.lose(running));
    }
    const result = await this.call(running, input, place);
    if (running.isLost) return;
    const { stream } = running;
    if (stream?.relay.isHeard) return this.singleCalls.endStream(running, stream, result);
    const verdict = judge(result, this.triesOf(running));
    const waitMs = waitOf(running.gate, verdict);
    const isLate = waitMs !== null && !(await this.isInTime(running, waitMs));
    if (running.isLost) return;
    const answer = result instanceof UpstreamFailure ? null : result;
    await this.apply(running, isLate ? judge(result, null) : verdict, answer, waitMs ?? 0);
  }

  private triesOf({ task, lane, single }: Running): Tries {
    return {
      tries: task.tries,
      maxTries: maxTriesOf(lane.queue, single) ?? this.recorder.maxTries,
      backoff: lane.queue.retry.backoff,
    };
  }

  /** Whether a try that is due in `waitMs` begins early enough; it has to wait for the end of any pause, too. */
  private async isInTime({ single, gate }: Running, waitMs: number): Promise<boolean> {
    if (single === null || single.expiresAt === null) return true;
    const startsAt = this.clock.now() + Math.max(waitMs, await gate.pauseLeftMs());
    return timeLeftOf(single, startsAt) > 0;
  }

  /** Gives the permit back when the call has ended, however. */
  private async call(
    running: Running,
    input: SliceInput | UpstreamFailure,
    place: number,
  ): Promise<UpstreamAnswer | UpstreamFailure> {
    const { gate, upstream, early } = running;
    const startedAt = early?.startedAt ?? performance.now();
    try {
      if (input instanceof UpstreamFailure) throw input;
      const begin = early ? () => early.call : await this.prepare(running, input, place);
      crashPoint('dispatch:leased');
      const answer = await gate.run(() => this.follow(running, begin()));
      this.telemetry.called(upstream.name, String(answer.status), startedAt);
      return answer;
    } catch (error) {
      early?.giveUp(); // where the breaker did not let us have its answer
      if (!(error instanceof UpstreamFailure)) throw error;
      this.telemetry.called(upstream.name, error.kind, startedAt);
      return error;
    } finally {
      running.call = null;
      this.limiter.release(gate.key, 1);
    }
  }

  private async prepare(running: Running, input: SliceInput, place: number): Promise<() => UpstreamCall> {
    const { upstream, stream } = running;
    const endpoint = input.source !== null ? input.source.endpoint : this.singleCalls.endpointOf(running);
    const body = input.bodies[place] ?? (await this.loader.stream(input, place, running.task));
    return () =>
      this.client.post({
        upstream,
        endpoint,
        body: 'stream' in body ? body.stream : body,
        bodyLength: body.length,
        reader: stream === null ? null : stream.reader,
      });
  }

  /** From here on the caller hears what the upstream says; not before the gate lets the call through. */
  private follow(running: Running, call: UpstreamCall): Promise<UpstreamAnswer> {
    const { stream } = running;
    if (stream) stream.reader.passTo((events) => stream.relay.say(events));
    running.call = call;
    if (running.abortReason !== null) call.abort(running.abortReason);
    return call.answer;
  }

  /** `waitMs`: until the next try, where there is one. */
  private apply(running: Running, verdict: Verdict, answer: UpstreamAnswer | null, waitMs: number): Promise<void> {
    const { gate, upstream } = running;
    switch (verdict.kind) {
      case 'record':
        if (!isBusy(answer!)) gate.speedUp();
        return this.recorder.answer(running, answer!, verdict.json);
      case 'retry':
        return this.recorder.retry(running, verdict.afterMs, verdict.statusCode, verdict.detail);
      case 'pace':
        gate.pause(waitMs);
        this.telemetry.paced(upstream.name, { status: verdict.statusCode, retryAfterMs: verdict.retryAfterMs });
        return this.recorder.release(running, 'pace');
      case 'give_up':
        return this.recorder.giveUp(running, verdict.code, verdict.message);
      default:
        return this.recorder.release(running, verdict.kind);
    }
  }
}

/** `tries`: null when there is no time for another. */
function judge(result: UpstreamAnswer | UpstreamFailure, tries: Tries | null): Verdict {
  return result instanceof UpstreamFailure ? judgeFailure(result, tries) : judgeAnswer(result, tries);
}

/** How long the task would wait for its next try; null where none is meant to come after a while. */
function waitOf(gate: UpstreamGate, verdict: Verdict): number | null {
  if (verdict.kind === 'pace') return gate.slowDown(verdict.retryAfterMs);
  return verdict.kind === 'retry' ? verdict.afterMs : null;
}
