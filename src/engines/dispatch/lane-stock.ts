/**
 * Tasks of one lane that are leased and wait a moment for a permit. While an upstream is fast, a permit that comes free must
 * not wait for the commit that leases its next task; so as many are leased ahead as are started in a few milliseconds at the
 * present pace. A slow upstream gets none ahead.
 *
 * It also remembers whether anything is known to wait in the lane itself.
 */
import type { LoadedTask } from './slice-loader.js';

/** How far ahead: a few commits. */
const AHEAD_MS = 25;
const PACE_WINDOW_MS = 100;
/** Tasks that wait longer go back: the upstream has stopped, and others should see them as ready. */
const STALE_MS = 2000;
/** How long a lane that has been told of waiting tasks is not taken to be empty. */
const BUSY_MS = 100;
/** The same, when it was taken to be empty and was not, or would not take a task: others see more of it than this process. */
const SURPRISE_MS = 1000;
/** Fewer are not worth a lease of their own. */
const MIN_AHEAD = 4;
const MAX_AHEAD = 400;

export class LaneStock {
  private tasks: LoadedTask[] = [];
  private filledAt = 0;
  private windowStartedAt = 0;
  private startedInWindow = 0;
  private startedBefore = 0;
  private emptyFrom = 0;
  /** Whether the lane may have ready tasks beyond those in stock. */
  mayHaveMore = true;
  /** Whether a lease for this lane is under way. */
  isLeasing = false;

  get size(): number {
    return this.tasks.length;
  }

  add(tasks: readonly LoadedTask[], now: number): void {
    this.filledAt = now;
    this.tasks.push(...tasks);
  }

  /** Takes out the first `count` tasks, to be started now. */
  take(count: number, now: number): LoadedTask[] {
    this.notePace(now, count);
    return this.tasks.splice(0, count);
  }

  /** How many more to lease ahead now; 0 until half of what should be there is used up. */
  missing(now: number): number {
    this.notePace(now, 0);
    const perWindow = Math.max(this.startedInWindow, this.startedBefore);
    const ahead = Math.min(MAX_AHEAD, Math.floor((perWindow * AHEAD_MS) / PACE_WINDOW_MS));
    if (ahead < MIN_AHEAD || this.tasks.length > ahead / 2) return 0;
    return ahead - this.tasks.length;
  }

  /** Takes out tasks that are to go back: all, those that waited too long, those of one batch, or a single one. */
  giveUp(which: { all: true } | { staleAt: number } | { batchSeq: number } | { taskSeq: number }): LoadedTask[] {
    if ('staleAt' in which && which.staleAt - this.filledAt < STALE_MS) return [];
    const isGone = ({ task }: LoadedTask) => {
      if ('taskSeq' in which) return task.seq === which.taskSeq;
      return !('batchSeq' in which) || task.batchSeq === which.batchSeq;
    };
    const gone = this.tasks.filter(isGone);
    if (gone.length > 0) this.tasks = this.tasks.filter((task) => !isGone(task));
    return gone;
  }

  /** Whether a task that is put now will, as far as anybody here knows, be the next one. */
  seemsEmpty(now: number): boolean {
    return now >= this.emptyFrom;
  }

  /** A task waits, or is about to be stored as one that does: what is put after it is not the next. */
  noteWaiting(now: number): void {
    this.emptyFrom = Math.max(this.emptyFrom, now + BUSY_MS);
  }

  /** A task that was to be the next one was not, or was not stored. */
  noteSurprise(now: number): void {
    this.emptyFrom = now + SURPRISE_MS;
  }

  private notePace(now: number, started: number): void {
    const elapsed = now - this.windowStartedAt;
    if (elapsed >= PACE_WINDOW_MS) {
      this.startedBefore = elapsed < 2 * PACE_WINDOW_MS ? this.startedInWindow : 0;
      this.startedInWindow = 0;
      this.windowStartedAt = now;
    }
    this.startedInWindow += started;
  }
}
