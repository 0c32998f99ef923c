import { createHash } from 'node:crypto';

/** What is known of stored bytes from when they were stored. */
export interface KnownBytes {
  bytes: number;
  /** Hex; null when only a part is read, or nobody has counted. */
  sha256: string | null;
}

/** A disk has lost or changed stored bytes. */
export class DamagedBytes extends Error {}

/**
 * Passes bytes on and vouches for them: the last piece is held back until it is sure that all of them are as they were
 * stored, so nobody ever has the whole of something damaged in hand.
 *
 * @throws DamagedBytes in place of the last piece
 */
export async function* vouchedBytes(source: AsyncIterable<Buffer>, known: KnownBytes): AsyncGenerator<Buffer> {
  const hash = known.sha256 === null ? null : createHash('sha256');
  let count = 0;
  let held: Buffer | null = null;
  for await (const piece of source) {
    if (held !== null) yield held;
    held = piece;
    count += piece.length;
    hash?.update(piece);
  }
  if (count !== known.bytes) throw new DamagedBytes(`${count} bytes are left of ${known.bytes}`);
  if (hash && hash.digest('hex') !== known.sha256) throw new DamagedBytes('the bytes are not those that were stored');
  if (held !== null) yield held;
}
