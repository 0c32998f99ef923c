/** Keeps all leases of a worker with one timer and one request at a time, and tells of those that are gone. */
import { backoffMs, pause } from './backoff.js';
import type { Lease } from './lease.js';
import { Wakeup } from './wakeup.js';
import type { WorkerApi, WorkerIdentity } from './worker-api.js';

export interface LeaseKeeperOptions {
  api: Pick<WorkerApi, 'heartbeat'>;
  worker: WorkerIdentity;
  leaseMs: number;
  onError: (error: unknown) => void;
}

/** A lease outlives two heartbeats that get lost. */
const HEARTBEATS_A_LEASE = 3;
/** In one request. */
const MAX_CLAIMS = 500;

export class LeaseKeeper {
  private readonly leases = new Map<string, Lease>();
  private readonly added = new Wakeup();
  private readonly ending = new AbortController();
  private running: Promise<void> | null = null;

  constructor(private readonly options: LeaseKeeperOptions) {}

  add(lease: Lease): void {
    // The server gave the task out again, so the lease of before is gone.
    this.leases.get(lease.taskId)?.lose();
    this.leases.set(lease.taskId, lease);
    this.running ??= this.run();
    this.added.ring();
  }

  remove(lease: Lease): void {
    if (this.leases.get(lease.taskId) === lease) this.leases.delete(lease.taskId);
  }

  /** The leases that are still held run out by themselves. */
  async stop(): Promise<void> {
    this.ending.abort();
    this.added.ring();
    await this.running;
  }

  private async run(): Promise<void> {
    const periodMs = this.options.leaseMs / HEARTBEATS_A_LEASE;
    const { signal } = this.ending;
    let failures = 0;
    while (!signal.aborted) {
      if (this.leases.size === 0) {
        await this.added.heard();
        continue;
      }
      await pause(failures === 0 ? periodMs : Math.min(periodMs, backoffMs(failures)), signal);
      if (signal.aborted) return;
      try {
        await this.beat();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.options.onError(error);
      }
    }
  }

  private async beat(): Promise<void> {
    const held = [...this.leases.values()];
    for (let from = 0; from < held.length; from += MAX_CLAIMS) {
      const claims = held.slice(from, from + MAX_CLAIMS);
      const gone = new Set(await this.options.api.heartbeat(this.options.worker, claims));
      for (const lease of claims) {
        // Not by its id: meanwhile the task may have been taken anew.
        if (gone.has(lease.taskId)) this.lose(lease);
      }
    }
  }

  private lose(lease: Lease): void {
    this.remove(lease);
    lease.lose();
  }
}
