/**
 * What workers report over streams, done as if it had come by HTTP: same checks, same writes, same notices to whoever waits.
 * Only for tasks of queues that are marked `eventbus`, and only for the tenant whose stream it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { backoffMs } from '../../kernel/backoff.js';
import { MillraceError } from '../../kernel/errors.js';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import { TaskReader } from '../../modules/tasks/task-reader.js';
import type { CompleteCall, HolderVerdict } from '../../modules/tasks/task-requests.js';
import { ReportStreams, type StreamAddress, type StreamedReport } from '../../ports/report-streams.js';
import { ReportTelemetry, type ReportOutcome } from './report-telemetry.js';
import { toReport, type Report } from './report.mapper.js';

/** A store that is away for longer costs reports, as it costs requests. */
const PATIENCE_MS = 60_000;
const BACKOFF = { firstMs: 100, maxMs: 2_000 };
const SERVICE_UNAVAILABLE = 503;

const OUTCOME: Readonly<Record<HolderVerdict, ReportOutcome>> = {
  done: 'counted',
  repeated: 'late',
  lost: 'late',
  late: 'late',
  unknown: 'unknown_task',
};

const NO_EVENT_BUS = 'This server has no event bus that workers could report over';
const UNMARKED = "None of your queues takes reports over the event bus: an operator has to set its 'eventbus' to true.";
const OVER_HTTP =
  'Report with POST /v1/queue/{id}/progress and POST /v1/queue/{id}/complete instead; blocking and streaming callers get both.';
/** For the API's documentation. */
export const NO_EVENT_BUS_EXAMPLE = `${NO_EVENT_BUS}: that needs distributed mode. ${OVER_HTTP}`;

@Injectable()
export class ReportIntake implements OnApplicationBootstrap {
  constructor(
    private readonly streams: ReportStreams,
    private readonly queues: QueuesService,
    private readonly pull: PullService,
    private readonly reader: TaskReader,
    private readonly telemetry: ReportTelemetry,
  ) {}

  onApplicationBootstrap(): void {
    this.streams.listen({
      tenants: () => new Set(this.queues.all().flatMap((queue) => (queue.hasEventbus ? [queue.tenantSeq] : []))),
      hear: (tenantSeq, reports, signal) => this.hear(tenantSeq, reports, signal),
    });
  }

  /** Where workers of this tenant report. Refuses with `not_found`, which says why and what to do instead. */
  addressFor(tenantSeq: number): StreamAddress {
    const { missing } = this.streams;
    if (missing !== null) throw new MillraceError('not_found', `${NO_EVENT_BUS}: ${missing}. ${OVER_HTTP}`);
    const isMarked = this.queues.all().some((queue) => queue.tenantSeq === tenantSeq && queue.hasEventbus);
    if (!isMarked) throw new MillraceError('not_found', `${UNMARKED} ${OVER_HTTP}`);
    return this.streams.addressOf(tenantSeq);
  }

  /** What a worker needs beside the topic to report on tasks of this queue; null when it cannot. */
  instanceFor(tenantSeq: number, queueName: string): string | null {
    const { missing, instanceId } = this.streams;
    return missing === null && this.queues.named(tenantSeq, queueName)?.hasEventbus ? instanceId : null;
  }

  private async hear(tenantSeq: number, streamed: readonly StreamedReport[], signal: AbortSignal): Promise<void> {
    const told = (outcome: ReportOutcome): void => this.telemetry.heard(outcome, tenantSeq);
    const reports: Report[] = [];
    for (const one of streamed) {
      const report = toReport(one);
      if (typeof report === 'string') told(report);
      else reports.push(report);
    }
    if (reports.length === 0) return;
    const faults = await this.faultsOf(tenantSeq, reports, signal);
    const says = new Map<string, ProgressEvent[]>();
    const answers: CompleteCall[] = [];
    for (const report of reports) {
      const { taskId } = report;
      const isOver = report.kind === 'progress' && answers.some((call) => call.taskId === taskId);
      const fault = faults.get(taskId) ?? (isOver ? 'late' : null);
      if (fault !== null) told(fault);
      else if (report.kind === 'completion') answers.push(report.call);
      else says.set(taskId, [...(says.get(taskId) ?? []), report.event]);
    }
    // What tasks say goes before their answers, and in its order, because it is one write for each.
    const progress = [...says].map(async ([taskId, events]) => {
      const call = { taskId, epoch: null, events, firstN: null };
      const verdict = await this.stored(() => this.pull.progress(tenantSeq, call), signal);
      for (const _ of events) told(verdict === null ? 'failed' : OUTCOME[verdict]);
    });
    await Promise.all(progress);
    if (answers.length === 0) return;
    const verdicts = await this.stored(() => this.pull.complete(tenantSeq, answers), signal);
    for (const index of answers.keys()) told(verdicts === null ? 'failed' : OUTCOME[verdicts[index]!]);
  }

  /** Why reports on these tasks do not count, by task. Everything else is the store's to say, when it writes. */
  private async faultsOf(
    tenantSeq: number,
    reports: readonly Report[],
    signal: AbortSignal,
  ): Promise<Map<string, ReportOutcome>> {
    const ids = [...new Set(reports.map(({ taskId }) => taskId))];
    const tasks = await this.stored(() => this.reader.storedByIds(ids, null, false), signal);
    const faults = new Map<string, ReportOutcome>();
    for (const [index, id] of ids.entries()) {
      const task = tasks?.[index];
      const queue = task ? this.queues.bySeq(task.queueSeq) : null;
      if (tasks === null) faults.set(id, 'failed');
      else if (queue?.tenantSeq !== tenantSeq) faults.set(id, 'unknown_task');
      else if (!queue.hasEventbus) faults.set(id, 'queue_not_marked');
    }
    return faults;
  }

  /** What `work` resolves with; null when it fails, or the store is away for too long. */
  private async stored<R>(work: () => Promise<R>, signal: AbortSignal): Promise<R | null> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        const isPassing = error instanceof MillraceError && error.status === SERVICE_UNAVAILABLE;
        if (!isPassing || signal.aborted || performance.now() > deadline) {
          this.telemetry.lost(error);
          return null;
        }
        await sleep(backoffMs(tries, BACKOFF), undefined, { signal }).catch(() => {}); // the next try is the last then
      }
    }
  }
}
