/** Hands in what became of tasks: kept until the server has answered, and many in one request when they end together. */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import type { Lease } from './lease.js';
import { Wakeup } from './wakeup.js';
import type { WorkerApi } from './worker-api.js';

export type Report =
  | { kind: 'completed'; lease: Lease; statusCode: number; /** JSON text. */ body: string }
  | { kind: 'failed'; lease: Lease; code: string; message: string; retryAfterMs: number | null; isRetryable: boolean }
  | { kind: 'released'; lease: Lease };

type CompletedReport = Extract<Report, { kind: 'completed' }>;

export interface ReportSenderOptions {
  api: Pick<WorkerApi, 'complete' | 'fail' | 'release'>;
  /** Nothing more will be said of this lease: it was answered, or it is lost. */
  onSettled: (lease: Lease) => void;
  onError: (error: unknown) => void;
}

/** In one request. The server takes bodies of 16 MiB. */
const MAX_COMPLETIONS = 1000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** Requests at the same time, for what has no bulk request. */
const MAX_SINGLE = 20;

export class ReportSender {
  private waiting: Report[] = [];
  private sending: Promise<void> | null = null;
  private readonly settled = new Wakeup();
  private readonly ending = new AbortController();

  constructor(private readonly options: ReportSenderOptions) {}

  add(report: Report): void {
    this.waiting.push(report);
    this.start();
  }

  /** Reports that the server has not answered yet. */
  get size(): number {
    return this.waiting.length;
  }

  /** Resolves when all are answered, or after so many ms: then what is left is given up, and its leases run out. */
  async drain(patienceMs: number): Promise<void> {
    const patience = new AbortController();
    const timeIsUp = pause(patienceMs, patience.signal);
    while (this.size > 0 && !this.ending.signal.aborted) {
      await Promise.race([this.settled.heard(), timeIsUp.then(() => this.ending.abort())]);
    }
    patience.abort();
  }

  private start(): void {
    this.sending ??= this.send().finally(() => {
      this.sending = null;
      if (this.size > 0 && !this.ending.signal.aborted) this.start();
    });
  }

  private async send(): Promise<void> {
    await pause(0); // what ends in this turn goes together
    const { signal } = this.ending;
    for (let failures = 0; this.size > 0 && !signal.aborted;) {
      this.settle(this.waiting.filter(({ lease }) => lease.isLost));
      try {
        await this.sendGroup();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.options.onError(error);
        const asked = error instanceof ApiError ? error.retryAfterMs : null;
        await pause(Math.max(backoffMs(failures), asked ?? 0), signal);
      }
    }
  }

  /** Rejects when the server gave no answer to some of the group; that is in `waiting` still. */
  private async sendGroup(): Promise<void> {
    const sends = this.waiting
      .filter((report) => report.kind !== 'completed')
      .slice(0, MAX_SINGLE)
      .map((report) => this.sendOne(report));
    const completed = groupOf(this.waiting);
    if (completed.length > 0) sends.push(this.sendCompleted(completed));
    const failed = (await Promise.allSettled(sends)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  private async sendCompleted(reports: readonly CompletedReport[]): Promise<void> {
    try {
      const completions = reports.map(({ lease, statusCode, body }) => {
        return { taskId: lease.taskId, token: lease.token, statusCode, body };
      });
      await this.options.api.complete(completions);
      this.settle(reports);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // One of them cannot be taken: its task fails and says why, and the others go on.
      if (reports.length === 1) this.giveUp(reports[0]!, error);
      else for (const report of reports) await this.sendCompleted([report]);
    }
  }

  private async sendOne(report: Exclude<Report, CompletedReport>): Promise<void> {
    const { api, onError } = this.options;
    const claim = { taskId: report.lease.taskId, token: report.lease.token };
    try {
      if (report.kind === 'failed') await api.fail({ ...report, ...claim });
      else await api.release(claim);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // 404 and 409: the lease was lost, and whoever has the task now reports of it.
      if (error.status !== 404 && error.status !== 409) onError(error);
    }
    this.settle([report]);
  }

  private giveUp(report: CompletedReport, error: ApiError): void {
    this.options.onError(error);
    const reason = { code: 'answer_refused', message: error.message, retryAfterMs: null, isRetryable: false };
    this.waiting = this.waiting.filter((one) => one !== report);
    this.waiting.push({ kind: 'failed', lease: report.lease, ...reason });
  }

  private settle(reports: readonly Report[]): void {
    if (reports.length === 0) return;
    const done = new Set<Report>(reports);
    this.waiting = this.waiting.filter((report) => !done.has(report));
    for (const { lease } of reports) this.options.onSettled(lease);
    this.settled.ring();
  }
}

/** What goes into one request: never nothing while there is something, however big it is. */
function groupOf(reports: readonly Report[]): CompletedReport[] {
  const group: CompletedReport[] = [];
  let characters = 0;
  for (const report of reports) {
    if (report.kind !== 'completed') continue;
    characters += report.body.length;
    if (group.length === MAX_COMPLETIONS || (group.length > 0 && characters > MAX_CHARACTERS)) break;
    group.push(report);
  }
  return group;
}

/** Said of what was sent, and not of who sent it or when. A key that is refused now may be allowed again. */
function isRefusal(error: unknown): error is ApiError & { status: number } {
  if (!(error instanceof ApiError) || error.status === null) return false;
  return error.status >= 400 && error.status < 500 && ![401, 403].includes(error.status) && !error.isPassing;
}
