import type BetterSqlite3 from 'better-sqlite3';

/** Pages given back in one go: 1 MiB, about 6 ms, which is what a full group of writes takes. */
export const SLICE_PAGES = 256;
/** Free pages that stay in the file, because what comes next will need some: 4 MiB. */
export const KEPT_PAGES = 1024;
/** The log is cut to this size when it starts anew; a long read may have let it grow. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;
/** How long after a group it is looked whether there is space to give back. */
const LOOK_AFTER_MS = 1_000;
/** Rest after a slice, as a multiple of the time it took: most of the writer is left to writes. */
const REST_FACTOR = 10;
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Gives the space of forgotten rows back to the disk, in slices between two groups of writes. Lives in the writer thread and
 * works on its connection, so that a slice never meets a transaction of anybody else.
 */
export class SpaceReclaimer {
  private timer: NodeJS.Timeout | null = null;
  private isShrinking = false;

  constructor(private readonly database: BetterSqlite3.Database) {
    database.pragma(`journal_size_limit = ${MAX_LOG_BYTES}`);
  }

  /** Told after each group: only then can there be anything to give back. */
  noteGroup(): void {
    this.timer ??= this.after(LOOK_AFTER_MS);
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private after(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.step(), ms).unref();
  }

  private step(): void {
    this.timer = null;
    try {
      const restMs = this.database.inTransaction ? LOOK_AFTER_MS : this.shrink();
      if (restMs !== null) this.timer = this.after(restMs);
    } catch (error) {
      // A full or broken disk. Nobody waits for this, and whoever writes next is told of it; it is tried again then.
      if (!isFromSqlite(error)) throw error;
    }
  }

  /** Does the next piece of work; returns how long to rest after it, or null when nothing is left to do. */
  private shrink(): number | null {
    if (this.freePages() > KEPT_PAGES) {
      this.isShrinking = true;
      const startedAt = performance.now();
      // `exec` runs it to its end; a prepared statement would be stepped once, which gives back one page.
      this.database.exec(`PRAGMA incremental_vacuum(${SLICE_PAGES})`);
      return (performance.now() - startedAt) * REST_FACTOR;
    }
    if (this.isShrinking) this.isShrinking = !this.emptyLog();
    return this.isShrinking ? LOOK_AFTER_MS : null;
  }

  private freePages(): number {
    return this.database.pragma('freelist_count', { simple: true }) as number;
  }

  /** The file itself gets shorter only now. False when somebody reads from the log; nothing waits for them. */
  private emptyLog(): boolean {
    this.database.pragma('busy_timeout = 0');
    try {
      const [result] = this.database.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
      return result.busy === 0;
    } finally {
      this.database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}

function isFromSqlite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_');
}
