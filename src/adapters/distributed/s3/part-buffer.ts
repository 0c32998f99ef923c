import { PART_BYTES, type PartMemory } from './part-memory.js';

/** Most blobs are small, so the first part grows from here, and has all the room there may be only when it is no small one. */
const FIRST_BYTES = 64 * 1024;
const LARGEST_SMALL_BYTES = 1024 * 1024;

/** Gathers the bytes of one part. */
export class PartBuffer {
  private content: Buffer = Buffer.alloc(0);
  private filled = 0;
  private isFirst = true;

  constructor(private readonly memory: PartMemory) {}

  get isFull(): boolean {
    return this.filled === PART_BYTES;
  }

  /** Copies as much of the chunk as there is room for; returns how much that was. */
  add(chunk: Buffer): number {
    const taken = Math.min(chunk.length, PART_BYTES - this.filled);
    this.makeRoom(this.filled + taken);
    chunk.copy(this.content, this.filled, 0, taken);
    this.filled += taken;
    return taken;
  }

  /** Hands the bytes over, and begins anew. */
  take(): Buffer {
    const bytes = this.content.subarray(0, this.filled);
    this.clear();
    this.isFirst = false;
    return bytes;
  }

  clear(): void {
    this.content = Buffer.alloc(0);
    this.filled = 0;
  }

  private makeRoom(bytes: number): void {
    if (bytes <= this.content.length) return;
    const grown = Math.max(FIRST_BYTES, this.content.length * 2, bytes);
    const isSmall = this.isFirst && grown <= LARGEST_SMALL_BYTES;
    const content = isSmall ? Buffer.allocUnsafeSlow(grown) : this.memory.take();
    this.content.copy(content, 0, 0, this.filled);
    this.content = content;
  }
}
