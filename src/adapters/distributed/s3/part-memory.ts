/** S3 wants at least 5 MiB a part and at most 10,000 parts: with 8 MiB a blob may have 80 GiB. */
export const PART_BYTES = 8 * 1024 * 1024;
/** As many as one writer needs at once: the part that it fills, and the one that is on its way. */
const MAX_SPARE = 2;

/**
 * The memory of parts, lent to one writer after the other. Left to the collector, each writer's would lie about until the
 * heap itself has grown, which takes long in a server whose large things are all outside of it.
 */
export class PartMemory {
  private readonly spare: Buffer[] = [];

  /** Room for one part, with whatever was in it. */
  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES);
  }

  /** Bytes of a part that nobody reads any more; those of a small part had a room of their own, and it is dropped. */
  giveBack({ buffer, byteOffset }: Buffer): void {
    const isWhole = buffer.byteLength === PART_BYTES && byteOffset === 0;
    if (isWhole && this.spare.length < MAX_SPARE) this.spare.push(Buffer.from(buffer));
  }
}
