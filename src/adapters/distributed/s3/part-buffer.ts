/** S3 wants at least 5 MiB a part and at most 10,000 parts: with 8 MiB a blob may have 80 GiB. */
export const PART_BYTES = 8 * 1024 * 1024;
/** Most blobs are small, so the first part grows from here. */
const FIRST_BYTES = 64 * 1024;

/** Gathers the bytes of one part. */
export class PartBuffer {
  private content: Buffer = Buffer.alloc(0);
  private filled = 0;
  private spare: Buffer[] = [];

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

  /** Hands the bytes over and begins anew, with the whole room at once: a blob of two parts is no small one. */
  take(): Buffer {
    const bytes = this.bytes();
    this.content = this.spare.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES);
    this.filled = 0;
    return bytes;
  }

  /** Gives bytes back that were taken and are of no more use, so that their memory serves again. */
  giveBack(bytes: Buffer): void {
    if (bytes.length === PART_BYTES) this.spare.push(bytes);
  }

  bytes(): Buffer {
    return this.content.subarray(0, this.filled);
  }

  clear(): void {
    this.spare = [];
    this.content = Buffer.alloc(0);
    this.filled = 0;
  }

  private makeRoom(bytes: number): void {
    if (bytes <= this.content.length) return;
    const grown = Math.min(PART_BYTES, Math.max(FIRST_BYTES, this.content.length * 2, bytes));
    const content = Buffer.allocUnsafeSlow(grown);
    this.content.copy(content, 0, 0, this.filled);
    this.content = content;
  }
}
