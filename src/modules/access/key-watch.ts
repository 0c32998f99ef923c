/**
 * For requests that last, as waits and streams do: tells them when their key has ended meanwhile. At once when an event says
 * that a key was changed; one timer for all sees what has expired, and what an event that was lost did not tell of.
 */
import { MillraceError } from '../../kernel/errors.js';

export const LOOK_MS = 1_000;

/** One request with its key. Whoever watches must `close`, however the request ends. */
export interface WatchedKey {
  /** Rejects with `invalid_api_key` when the key has been revoked or has expired; never settles otherwise. */
  ended: Promise<never>;
  close: () => void;
}

export class KeyWatch {
  /** What ends each request, by the id of its key. */
  private readonly watched = new Map<string, Set<() => void>>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly isLive: (id: string) => Promise<boolean>) {}

  watch(id: string): WatchedKey {
    let close = (): void => {};
    const ended = new Promise<never>((_, reject) => {
      const end = (): void => reject(endedKey());
      close = () => this.forget(id, end);
      const others = this.watched.get(id);
      if (others) others.add(end);
      else this.watched.set(id, new Set([end]));
    });
    ended.catch(() => {}); // a request that ends at the same time listens no more
    this.timer ??= this.nextLook();
    return { ended, close };
  }

  /** Something has happened to this key. */
  async look(id: string): Promise<void> {
    if (!this.watched.has(id)) return;
    // While the store cannot be reached nobody knows; the next look asks again.
    const isLive = await this.isLive(id).catch(() => true);
    if (isLive) return;
    const ends = this.watched.get(id) ?? [];
    this.watched.delete(id);
    for (const end of ends) end();
  }

  private forget(id: string, end: () => void): void {
    const ends = this.watched.get(id);
    if (ends?.delete(end) && ends.size === 0) this.watched.delete(id);
  }

  private nextLook(): NodeJS.Timeout {
    const timer = setTimeout(() => void this.lookAtAll(), LOOK_MS);
    return timer.unref();
  }

  private async lookAtAll(): Promise<void> {
    await Promise.all([...this.watched.keys()].map((id) => this.look(id)));
    this.timer = this.watched.size > 0 ? this.nextLook() : null;
  }
}

export function endedKey(): MillraceError {
  return new MillraceError('invalid_api_key', 'Your API key was revoked, or has expired.');
}
