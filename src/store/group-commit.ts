/**
 * Joins the writes of many callers into groups, one transaction each.
 *
 * A group starts at the end of the current turn when none runs; what arrives meanwhile is the next group. A caller is
 * answered after its commit.
 *
 * Where several processes write, the next group may start as soon as the one before it holds its locks, the first of which is
 * the same for all groups of a process: it waits for its turn in the database, and goes on in the very moment of the commit.
 * So groups are still done one after the other and in their order, unless one loses its turn by a collision.
 *
 * Writes that nobody waits for may be patient: a group of nothing but patient writes waits a few milliseconds for company.
 * Each commit costs system calls, page writes and two thread wake-ups whatever its size, so on a fast disk, where groups
 * would stay small by themselves, patience more than halves the CPU time of a recorded line.
 */
import { MillraceError } from '../kernel/errors.js';
import type { Procedure, WriteWeight } from './procedure.js';
import type { WriteCall, WriteOutcome } from './group-executor.js';

/** Runs one group at a time. `onHeld`: told when the next one may start elsewhere. */
export type RunGroup = (calls: WriteCall[], onHeld: () => void) => Promise<WriteOutcome[]>;

/** Bounds of one group: more rows make no commit cheaper, and a huge one would hold everybody up. */
export const MAX_GROUP_ROWS = 500;
export const MAX_GROUP_BYTES = 4 * 1024 * 1024;
/** How long a group of patient writes waits for company, and with how many rows it waits no more. */
export const PATIENCE_MS = 4;
export const PATIENT_ROWS = 200;
/** Rows that may wait before callers are held back. */
export const MAX_WAITING_ROWS = 20_000;

export interface GroupCommitHooks {
  /** Told of each finished group: rows in it, milliseconds it took. */
  onGroup?: (rows: number, tookMs: number) => void;
}

interface Waiting {
  call: WriteCall;
  weight: WriteWeight;
  isPatient: boolean;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

const ONE_ROW: WriteWeight = { rows: 1, bytes: 0 };

export interface WriteOptions {
  weight?: WriteWeight;
  /** Whether this write may wait a few milliseconds for others; false when somebody waits for its answer. */
  isPatient?: boolean;
}

export class GroupCommit {
  private waiting: Waiting[] = [];
  private waitingRows = 0;
  private impatient = 0;
  private isScheduled = false;
  private patience: NodeJS.Timeout | null = null;
  private readonly running = new Set<Promise<void>>();
  /** Whether a group runs that does not hold its locks yet. */
  private isEntering = false;
  private readonly idle: RunGroup[];
  private heldBack: (() => void)[] = [];
  private isClosed = false;

  /** `runners`: as many groups may run at once. */
  constructor(
    runners: readonly RunGroup[],
    private readonly hooks: GroupCommitHooks = {},
  ) {
    this.idle = [...runners];
  }

  /** Resolves with the procedure's result once it is durable; rejects with the MillraceError it refused with. */
  write<A, R>(procedure: Procedure<A, R>, args: A, options: WriteOptions = {}): Promise<R> {
    if (this.isClosed) {
      return Promise.reject(new MillraceError('shutting_down', 'The server is shutting down; try again shortly.'));
    }
    if (this.waitingRows >= MAX_WAITING_ROWS) return this.writeLater(procedure, args, options);
    const { weight = ONE_ROW, isPatient = false } = options;
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({
        call: { procedure: procedure.name, args },
        weight,
        isPatient,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.waitingRows += weight.rows;
      if (!isPatient) this.impatient += 1;
      this.schedule();
    });
  }

  /** Refuses new writes, commits those that wait, and resolves when the last caller is answered. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.resumeHeldBack();
    if (this.waiting.length > 0) this.start();
    while (this.waiting.length > 0 || this.running.size > 0) {
      if (this.running.size > 0) await Promise.race(this.running);
      else await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  private async writeLater<A, R>(procedure: Procedure<A, R>, args: A, options: WriteOptions): Promise<R> {
    await new Promise<void>((resume) => this.heldBack.push(resume));
    return this.write(procedure, args, options);
  }

  private schedule(): void {
    if (this.isScheduled || !this.mayStart()) return;
    const isPatient = this.impatient === 0 && this.waitingRows < PATIENT_ROWS && !this.isClosed;
    if (isPatient) {
      this.patience ??= setTimeout(() => this.start(), PATIENCE_MS);
      return;
    }
    this.isScheduled = true;
    setImmediate(() => this.start());
  }

  private start(): void {
    if (this.patience) clearTimeout(this.patience);
    this.patience = null;
    this.isScheduled = false;
    if (!this.mayStart() || this.waiting.length === 0) return;
    const runGroup = this.idle.shift()!;
    this.isEntering = true;
    let isHeld = false;
    const onHeld = () => {
      if (isHeld) return;
      isHeld = true;
      this.isEntering = false;
      if (this.waiting.length > 0) this.schedule();
    };
    const running = this.commitNext(runGroup, onHeld).finally(() => {
      this.running.delete(running);
      this.idle.unshift(runGroup);
      onHeld();
      if (this.waiting.length > 0) this.schedule();
    });
    this.running.add(running);
  }

  private mayStart(): boolean {
    return !this.isEntering && this.idle.length > 0;
  }

  private async commitNext(runGroup: RunGroup, onHeld: () => void): Promise<void> {
    const group = this.cutGroup();
    const startedAt = performance.now();
    try {
      const outcomes = await runGroup(
        group.map((member) => member.call),
        onHeld,
      );
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
    this.impatient -= group.filter((member) => !member.isPatient).length;
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
  if ('refused' in outcome) member.reject(MillraceError.fromPlain(outcome.refused));
  else if ('failed' in outcome) member.reject(new Error(`write '${member.call.procedure}' failed: ${outcome.failed}`));
  else member.resolve(outcome.ok); // a procedure of no result comes back as an outcome without `ok`
}
