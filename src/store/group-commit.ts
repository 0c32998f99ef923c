/**
 * Joins the writes of many callers into groups, one transaction each.
 *
 * A group starts at the end of the current turn when none runs; what arrives meanwhile is the next group. There is no
 * timer: under load groups grow by themselves, alone a write waits for nothing. A caller is answered after its commit.
 */
import { MillraceError } from '../kernel/errors.js';
import type { Procedure, WriteWeight } from './procedure.js';
import type { WriteCall, WriteOutcome } from './group-executor.js';

export type RunGroup = (calls: WriteCall[]) => Promise<WriteOutcome[]>;

/** Bounds of one group: more rows make no commit cheaper, and a huge one would hold everybody up. */
export const MAX_GROUP_ROWS = 500;
export const MAX_GROUP_BYTES = 4 * 1024 * 1024;
/** Rows that may wait before callers are held back. */
export const MAX_WAITING_ROWS = 20_000;

export interface GroupCommitHooks {
  /** Told of each finished group: rows in it, milliseconds it took. */
  onGroup?: (rows: number, tookMs: number) => void;
}

interface Waiting {
  call: WriteCall;
  weight: WriteWeight;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

const ONE_ROW: WriteWeight = { rows: 1, bytes: 0 };

export class GroupCommit {
  private waiting: Waiting[] = [];
  private waitingRows = 0;
  private isScheduled = false;
  private running: Promise<void> | null = null;
  private heldBack: (() => void)[] = [];
  private isClosed = false;

  constructor(
    private readonly runGroup: RunGroup,
    private readonly hooks: GroupCommitHooks = {},
  ) {}

  /** Resolves with the procedure's result once it is durable; rejects with the MillraceError it refused with. */
  async write<A, R>(procedure: Procedure<A, R>, args: A, weight: WriteWeight = ONE_ROW): Promise<R> {
    while (this.waitingRows >= MAX_WAITING_ROWS && !this.isClosed) {
      await new Promise<void>((resume) => this.heldBack.push(resume));
    }
    if (this.isClosed) throw new MillraceError('shutting_down', 'The server is shutting down; try again shortly.');
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({
        call: { procedure: procedure.name, args },
        weight,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.waitingRows += weight.rows;
      this.schedule();
    });
  }

  /** Refuses new writes, commits those that wait, and resolves when the last caller is answered. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.resumeHeldBack();
    while (this.waiting.length > 0 || this.running) {
      await (this.running ?? new Promise<void>((resolve) => setImmediate(resolve)));
    }
  }

  private schedule(): void {
    if (this.isScheduled || this.running) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.running = this.commitNext().finally(() => {
        this.running = null;
        if (this.waiting.length > 0) this.schedule();
      });
    });
  }

  private async commitNext(): Promise<void> {
    const group = this.cutGroup();
    const startedAt = performance.now();
    try {
      const outcomes = await this.runGroup(group.map((member) => member.call));
      group.forEach((member, index) => settle(member, outcomes[index]!));
    } catch (error) {
      for (const member of group) member.reject(error);
    }
    this.hooks.onGroup?.(
      group.reduce((rows, member) => rows + member.weight.rows, 0),
      performance.now() - startedAt,
    );
  }

  /** Takes from the front what fits into one group; always at least one member, however heavy. */
  private cutGroup(): Waiting[] {
    let rows = 0;
    let bytes = 0;
    let count = 0;
    for (const { weight } of this.waiting) {
      const isFull = rows + weight.rows > MAX_GROUP_ROWS || bytes + weight.bytes > MAX_GROUP_BYTES;
      if (isFull && count > 0) break;
      rows += weight.rows;
      bytes += weight.bytes;
      count += 1;
    }
    const group = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    this.waitingRows -= rows;
    this.resumeHeldBack();
    return group;
  }

  private resumeHeldBack(): void {
    const resumed = this.heldBack;
    this.heldBack = [];
    for (const resume of resumed) resume();
  }
}

function settle(member: Waiting, outcome: WriteOutcome): void {
  if ('ok' in outcome) member.resolve(outcome.ok);
  else if ('refused' in outcome) member.reject(MillraceError.fromPlain(outcome.refused));
  else member.reject(new Error(`write '${member.call.procedure}' failed: ${outcome.failed}`));
}
