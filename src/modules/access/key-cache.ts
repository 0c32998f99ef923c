import type { Clock } from '../../kernel/clock.js';
import type { StoredKey } from '../../store/access.store.js';

interface Entry {
  row: Promise<StoredKey | null>;
  readAt: number;
}

/** Events may be lost, so a revoked key works this long at most. */
export const KEY_CACHE_MS = 5_000;
/** Above this the oldest go: somebody is making up ids. */
const CAPACITY = 10_000;

/** Keys as the store had them moments ago, unknown ones too, so that a busy client does not cost a read per request. */
export class KeyCache {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly read: (id: string) => Promise<StoredKey | null>,
    private readonly clock: Clock,
  ) {}

  find(id: string): Promise<StoredKey | null> {
    const known = this.entries.get(id);
    if (known && this.clock.now() - known.readAt < KEY_CACHE_MS) return known.row;
    const row = this.read(id);
    this.entries.delete(id);
    this.entries.set(id, { row, readAt: this.clock.now() });
    row.catch(() => this.forget(id));
    const oldest = this.entries.size > CAPACITY ? this.entries.keys().next() : null;
    if (oldest && !oldest.done) this.entries.delete(oldest.value);
    return row;
  }

  forget(id: string): void {
    this.entries.delete(id);
  }
}
