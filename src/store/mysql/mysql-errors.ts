/** What errors of the driver mean. */
import { MillraceError } from '../../kernel/errors.js';

interface DriverError {
  code?: string;
  errno?: number;
  message?: string;
}

/** The transaction was rolled back for the sake of others, or lost a race: 1213 deadlock, 1020 changed since it was read. */
const COLLISIONS = new Set([1213, 1020]);
const LOCK_WAIT_TIMEOUT = 1205;
const DUPLICATE_KEY = 1062;

/** The connection is gone, or going: 1053 shutdown, 1317 interrupted, 1927 killed, 4031 idle for too long. */
const LOST_CODES = new Set(['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED']);
const LOST_NUMBERS = new Set([1053, 1317, 1152, 1184, 1927, 4031]);
const CLOSED_MESSAGE = /closed state|connection is closed/i;

/** A statement was not answered in time; its answer may come yet. */
const SILENCE = 'PROTOCOL_SEQUENCE_TIMEOUT';
/** Nobody answers there, or not in time. */
const ABSENT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  SILENCE,
]);
/** What a statement says of its own values: null, too long, of another type, out of range. */
const DATA_NUMBERS = new Set([1048, 1264, 1366, 1406]);
const READ_ONLY_NUMBERS = new Set([1290, 1792, 1836]);
const ACCESS_DENIED = 1045;
/** 1040, 1203, 1226: too many connections. 1045, 1044, 1049: not, or not yet, for us. 3159: not without TLS. */
const REFUSING_NUMBERS = new Set([1040, 1203, 1226, ...READ_ONLY_NUMBERS, 1044, ACCESS_DENIED, 1049, 3159]);
/** No encrypted connection: the server has no TLS, or a certificate that is not taken. */
const TLS_CODES = new Set(['HANDSHAKE_SSL_ERROR', 'HANDSHAKE_NO_SSL_SUPPORT']);
/** 1021, 1114: the disk, or the table space, is full. */
const FULL_NUMBERS = new Set([1021, 1114]);

/** When to come again: a restart or a fail-over takes seconds. */
const RETRY_AFTER_MS = 2_000;

export function isCollision(error: unknown): boolean {
  return COLLISIONS.has(driverErrorOf(error).errno ?? 0);
}

export function isLockWait(error: unknown): boolean {
  return driverErrorOf(error).errno === LOCK_WAIT_TIMEOUT;
}

export function isDuplicateKey(error: unknown): boolean {
  return driverErrorOf(error).errno === DUPLICATE_KEY;
}

export function isSilence(error: unknown): boolean {
  return driverErrorOf(error).code === SILENCE;
}

export function isTlsFailure(error: unknown): boolean {
  return TLS_CODES.has(driverErrorOf(error).code ?? '');
}

export function isAccessDenied(error: unknown): boolean {
  return driverErrorOf(error).errno === ACCESS_DENIED;
}

/**
 * Whether what was sent as a commit, with statements before it, was none: one of those failed, and what stands behind it was
 * not run, or the server writes nothing.
 */
export function isOfNoCommit(error: unknown): boolean {
  if (isCollision(error) || isLockWait(error) || isDuplicateKey(error)) return true;
  const { errno = 0 } = driverErrorOf(error);
  return DATA_NUMBERS.has(errno) || READ_ONLY_NUMBERS.has(errno);
}

export function isLost(error: unknown): boolean {
  const { code = '', errno = 0, message = '' } = driverErrorOf(error);
  return LOST_CODES.has(code) || LOST_NUMBERS.has(errno) || CLOSED_MESSAGE.test(message);
}

/** What to tell callers when it is nobody's fault and will not pass in this moment; null for anything else. */
export function outageOf(error: unknown): MillraceError | null {
  if (error instanceof MillraceError) return error.code === 'store_unavailable' ? error : null;
  const { code = '', errno = 0 } = driverErrorOf(error);
  if (FULL_NUMBERS.has(errno)) {
    return new MillraceError('insufficient_storage', 'The disk of the database server is full.', { cause: error });
  }
  if (REFUSING_NUMBERS.has(errno) || ABSENT_CODES.has(code) || isTlsFailure(error) || isLost(error)) {
    const details = { cause: error, retryAfterMs: RETRY_AFTER_MS };
    return new MillraceError('store_unavailable', 'The database server takes no requests just now.', details);
  }
  return null;
}

/** TypeORM wraps what the driver throws, and an outage wraps it once more. */
function driverErrorOf(error: unknown): DriverError {
  if (error instanceof MillraceError) return driverErrorOf(error.cause);
  if (typeof error !== 'object' || error === null) return {};
  return 'driverError' in error ? (error.driverError as DriverError) : error;
}
