/**
 * Counts the permits given in the last minute, exactly enough that no 60 s ever hold more than the limit. Permits given
 * within 100 ms share a bucket, which counts as given at its last one: the window errs by at most that, and on the safe side.
 */
export const WINDOW_MS = 60_000;
const BUCKET_MS = 100;
/** Permits come back unused at once or not at all; an older bucket may stand for permits that were used. */
const TAKE_BACK_MS = 1_000;

interface Bucket {
  firstAt: number;
  lastAt: number;
  count: number;
}

export class RateWindow {
  /** Oldest first; at most 600, so shifting is cheap. */
  private readonly buckets: Bucket[] = [];
  private total = 0;

  /** Permits given in the 60 s that end now. */
  used(now: number): number {
    for (let oldest = this.buckets[0]; oldest && now - oldest.lastAt >= WINDOW_MS; oldest = this.buckets[0]) {
      this.total -= oldest.count;
      this.buckets.shift();
    }
    return this.total;
  }

  add(count: number, now: number): void {
    this.total += count;
    const newest = this.buckets.at(-1);
    if (newest && now - newest.firstAt < BUCKET_MS) {
      newest.count += count;
      newest.lastAt = now;
    } else {
      this.buckets.push({ firstAt: now, lastAt: now, count });
    }
  }

  /** Uncounts permits that were just given and will not be used. */
  takeBack(count: number, now: number): void {
    let rest = count;
    for (let newest = this.buckets.at(-1); newest && rest > 0; newest = this.buckets.at(-1)) {
      if (now - newest.lastAt > TAKE_BACK_MS) return;
      const taken = Math.min(rest, newest.count);
      rest -= taken;
      this.total -= taken;
      newest.count -= taken;
      if (newest.count > 0) return;
      this.buckets.pop();
    }
  }

  /** When fewer than `limit` will have been given in the last minute: `now` or later; null for never. */
  opensAt(limit: number, now: number): number | null {
    let used = this.used(now);
    if (used < limit) return now;
    for (const bucket of this.buckets) {
      used -= bucket.count;
      if (used < limit) return bucket.lastAt + WINDOW_MS;
    }
    return null;
  }
}
