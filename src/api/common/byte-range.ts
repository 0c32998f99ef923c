import parseRange from 'range-parser';

/** Bytes `start` (inclusive) to `end` (exclusive) of something. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The one range that a `Range` header asks for of `bytes` bytes. Null where it is to be ignored, as RFC 9110 allows: not
 * there, not understood, or several ranges. `unsatisfiable` when all of it lies beyond the end.
 */
export function readByteRange(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  if (header === undefined) return null;
  const ranges = parseRange(bytes, header, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return null;
  const [{ start, end }] = ranges as unknown as [{ start: number; end: number }];
  return { start, end: end + 1 };
}
