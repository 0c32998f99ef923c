/**
 * A worker: takes as many tasks as it can run, keeps their leases, hands in what becomes of them.
 *
 *   const worker = new Worker({ url, key, queues: ['gpu:0', 'gpu:1'], concurrency: 4, handler: (task) => answer(task.data) });
 *   await worker.run(); // until SIGTERM or Ctrl-C
 */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Lease } from './lease.js';
import { ReportSender } from './report-sender.js';
import { TaskRun, type Handler } from './task-run.js';
import type { LeasedTask } from './task.js';
import { Wakeup } from './wakeup.js';
import { WorkerApi, type LeaseEnd, type PullStrategy } from './worker-api.js';

export interface WorkerOptions<Data = unknown> extends ConnectionOptions {
  /** Lanes as `queue:level`, the most urgent first. */
  queues: readonly string[];
  handler: Handler<Data>;
  /** Tasks at the same time; 1 unless said. */
  concurrency?: number;
  /** Shown to operators; made up unless said. */
  name?: string;
  /** In what order the lanes are worked off; `active_passive` unless said. */
  strategy?: PullStrategy;
  /** How long a task stays ours when this worker is not heard of any more; 60,000 ms unless said. */
  leaseMs?: number;
  /** What becomes of it then; `retry` unless said. */
  leaseEnd?: LeaseEnd;
  /** How long to wait for a task in one request; 30,000 ms unless said, at most 60,000. */
  waitMs?: number;
  /** Leaves tasks that came in more recently to others; 0 ms unless said. */
  minAgeMs?: number;
  /** Hears of troubles that the worker gets over by itself; writes them to the console unless said. */
  onError?: (error: unknown) => void;
}

/** How long `stop` lets handlers work on, and how long it tries to hand in what they made. */
const GRACE_MS = 30_000;
const REPORT_PATIENCE_MS = 10_000;
/** An empty answer that comes sooner than this was no wait: whoever asks on at once would ask without end. */
const NO_WAIT_MS = 500;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export class Worker<Data = unknown> {
  private readonly settings;
  private readonly api: WorkerApi;
  private readonly keeper: LeaseKeeper;
  private readonly reports: ReportSender;
  private readonly runs = new Set<TaskRun>();
  private readonly roomMade = new Wakeup();
  private readonly stopping = new AbortController();
  private looping: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;

  constructor(options: WorkerOptions<Data>) {
    this.settings = settingsOf(options);
    const { leaseMs, worker, onError } = this.settings;
    this.api = new WorkerApi(new Connection(options));
    this.keeper = new LeaseKeeper({ api: this.api, worker, leaseMs, onError });
    this.reports = new ReportSender({
      api: this.api,
      onError,
      onSettled: (lease) => {
        this.keeper.remove(lease);
        this.roomMade.ring();
      },
    });
  }

  /** Tasks in the hands of the handler. */
  get running(): number {
    return this.runs.size;
  }

  /**
   * Works until `stop`, SIGTERM or Ctrl-C, and resolves when all is handed in. Rejects when the server says that it will never
   * give this worker a task: the key is wrong, or a queue is unknown.
   */
  async run(): Promise<void> {
    const stop = () => void this.stop();
    for (const signal of SIGNALS) process.on(signal, stop);
    try {
      this.looping ??= this.loop();
      await this.looping;
    } finally {
      await this.stop();
      for (const signal of SIGNALS) process.off(signal, stop);
    }
  }

  /**
   * Takes no more tasks, lets those that run end within `graceMs`, fires the signal of the others and gives them back, and
   * resolves when all of it is handed in. What the server does not take within 10 s more is given up: its lease runs out.
   */
  stop(graceMs = GRACE_MS): Promise<void> {
    this.stopped ??= this.drain(graceMs);
    return this.stopped;
  }

  private async loop(): Promise<void> {
    const { concurrency, onError } = this.settings;
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      // What was not handed in yet takes room as well: a server that does not hear us is asked for nothing.
      if (this.runs.size >= concurrency || this.reports.size > concurrency) {
        await this.roomMade.heard();
        continue;
      }
      try {
        await this.take(concurrency - this.runs.size);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ApiError) || isForGood(error)) throw error;
        failures += 1;
        onError(error);
        await pause(Math.max(backoffMs(failures), error.retryAfterMs ?? 0), signal);
      }
    }
  }

  private async take(size: number): Promise<void> {
    const { strategy, waitMs, leaseMs, leaseEnd, minAgeMs, queues, worker } = this.settings;
    const request = { strategy, waitMs, leaseMs, leaseEnd, minAgeMs, queues, worker, size };
    const askedAt = performance.now();
    const tasks = await this.api.take(request, this.stopping.signal);
    for (const task of tasks) this.begin(task);
    if (tasks.length === 0 && performance.now() - askedAt < NO_WAIT_MS) await pause(NO_WAIT_MS, this.stopping.signal);
  }

  private begin(task: LeasedTask): void {
    const lease = new Lease(task);
    this.keeper.add(lease);
    // Came in while we were told to stop; or as many as there are lanes, as `sequential` gives them.
    const isTooMany = this.stopping.signal.aborted || this.runs.size >= this.settings.concurrency;
    if (isTooMany) this.reports.add({ kind: 'released', lease });
    else void this.work(lease);
  }

  private async work(lease: Lease): Promise<void> {
    const run = new TaskRun(lease, this.api);
    this.runs.add(run);
    const report = await run.report(this.settings.handler);
    this.runs.delete(run);
    if (report !== null) this.reports.add(report);
    this.roomMade.ring();
  }

  private async drain(graceMs: number): Promise<void> {
    this.stopping.abort();
    this.roomMade.ring();
    await Promise.allSettled([this.looping]); // `run` tells how it ended
    const patience = new AbortController();
    const timeIsUp = pause(graceMs, patience.signal).then(() => true);
    for (let isOver = false; this.runs.size > 0 && !isOver;) {
      isOver = await Promise.race([this.roomMade.heard().then(() => false), timeIsUp]);
    }
    patience.abort();
    for (const run of this.runs) this.reports.add(run.release());
    await this.reports.drain(REPORT_PATIENCE_MS);
    await this.keeper.stop();
  }
}

function settingsOf<Data>(options: WorkerOptions<Data>) {
  const { queues, concurrency = 1, name = `worker-${crypto.randomUUID().slice(0, 8)}` } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency is a whole number above 0.');
  if (queues.length === 0) throw new RangeError('queues names at least one lane, such as "gpu:0".');
  return {
    queues,
    concurrency,
    worker: { id: name, capacity: concurrency },
    handler: options.handler as Handler,
    strategy: options.strategy ?? 'active_passive',
    leaseMs: options.leaseMs ?? 60_000,
    leaseEnd: options.leaseEnd ?? 'retry',
    waitMs: options.waitMs ?? 30_000,
    minAgeMs: options.minAgeMs ?? 0,
    onError: options.onError ?? warn,
  } as const;
}

/** A request that was refused for what it is, and will be each time. */
function isForGood({ status }: ApiError): boolean {
  return status !== null && [400, 401, 403, 404].includes(status);
}

function warn(error: unknown): void {
  // oxlint-disable-next-line no-console -- whoever wants it elsewhere gives `onError`
  console.warn(`millrace worker: ${error instanceof Error ? error.message : String(error)}`);
}
