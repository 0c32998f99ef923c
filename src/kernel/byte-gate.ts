import { MillraceError } from './errors.js';

/** What needs less goes by at once: a crowd of small ones must not wait behind a few large ones. */
export const LARGE_BYTES = 1024 * 1024;

/**
 * Waits for room for so many bytes of an answer, which is held until the answer is out. `read`: those of them that are in memory
 * already. Refuses with `overloaded` when that takes too long.
 */
export type Hold = (bytes: number, read?: number) => Promise<void>;

/** For those whose answer is no response of the server. */
export const UNHELD: Hold = async () => {};

/** Room that is held: from now on only so many bytes of it; 0 gives it back. */
export type Keep = (bytes: number) => void;

export const CROWDED = 'Large answers to others are still being sent. Try again shortly.';

interface Waiting {
  bytes: number;
  read: number;
  enter: () => void;
}

/** Lets in work by the memory it needs, in the order of coming; what needs more than there is at all goes in alone. */
export class ByteGate {
  private used = 0;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly capacity: number) {}

  async run<T>(needed: number, work: () => Promise<T>): Promise<T> {
    const keep = await this.enter(needed);
    try {
      return await work();
    } finally {
      keep(0);
    }
  }

  /**
   * Refuses with `overloaded` after `patienceMs`, or at once when what waits holds more than there is room for. `read`: what this
   * one holds while it waits.
   */
  async enter(needed: number, patienceMs: number | null = null, read = 0): Promise<Keep> {
    if (needed < LARGE_BYTES) return this.add(0);
    const bytes = Math.min(needed, this.capacity);
    if (this.waiting.length > 0 || !this.hasRoom(bytes)) await this.wait(bytes, patienceMs, read);
    else this.used += bytes;
    return this.keeperOf(bytes);
  }

  /** For what is there already, however little room is left. */
  add(bytes: number): Keep {
    this.used += bytes;
    return this.keeperOf(bytes);
  }

  private keeperOf(bytes: number): Keep {
    let kept = bytes;
    return (now) => {
      if (kept === 0) return; // it was given back
      this.used += now - kept;
      kept = now;
      this.letIn();
    };
  }

  private wait(bytes: number, patienceMs: number | null, read: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.waiting.reduce((sum, other) => sum + other.read, read) > this.capacity) {
        reject(crowded());
        return;
      }
      const timer = patienceMs === null ? undefined : setTimeout(() => leave(), patienceMs).unref();
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const entry = { bytes, read, enter };
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        reject(crowded());
        this.letIn();
      };
      this.waiting.push(entry);
    });
  }

  private letIn(): void {
    for (let next = this.waiting[0]; next && this.hasRoom(next.bytes); next = this.waiting[0]) {
      this.waiting.shift();
      this.used += next.bytes;
      next.enter();
    }
  }

  private hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.capacity;
  }
}

function crowded(): MillraceError {
  return new MillraceError('overloaded', CROWDED);
}
