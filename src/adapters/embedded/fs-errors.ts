import { MillraceError } from '../../kernel/errors.js';

const DISK_FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * What to throw for a failed write: `insufficient_storage` (507) when the disk or its quota is full, which passes by
 * itself once somebody makes room; any other error as it is.
 */
export function storageErrorOf(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!DISK_FULL_CODES.has(code)) return error;
  return new MillraceError('insufficient_storage', 'The disk of this server is full. Delete files or add space.', {
    cause: error,
  });
}

/** Whether a file or folder was not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
