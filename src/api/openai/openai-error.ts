/** Errors as OpenAI words them: an envelope with all four keys, and headers that tell its SDKs whether to try again. */
import { MillraceError } from '../../kernel/errors.js';
import type { ErrorCode } from '../../kernel/error-catalog.js';
import type { ErrorAnswer } from '../common/error-dialects.js';

export interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** The SDKs ignore a longer `retry-after`, or take it for a refusal. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Where OpenAI has another code than ours, or none; all others are the same on its wire. */
const CODE: Partial<Record<ErrorCode, string | null>> = {
  invalid_json: null,
  invalid_file_format: null,
  invalid_request: null,
  file_too_large: null,
  missing_api_key: null,
  insufficient_scope: 'missing_scope',
  not_found: null,
  unknown_url: null,
  method_not_allowed: null,
  conflict: null,
  batch_not_cancellable: null,
  payload_too_large: null,
  unsupported_media_type: null,
  range_not_satisfiable: null,
  quota_exceeded: 'insufficient_quota',
  internal: null,
  overloaded: 'server_is_overloaded',
};

const TYPE: Partial<Record<ErrorCode, string>> = {
  quota_exceeded: 'insufficient_quota',
  rate_limit_exceeded: 'requests',
};

/** The SDKs retry 409, 429 and 5xx; for these that would only cost time. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set([
  'conflict',
  'batch_not_cancellable',
  'lease_lost',
  'quota_exceeded',
  'insufficient_storage',
]);

export function toOpenAiError({ code, message, param, status }: MillraceError): OpenAiError {
  const openAiCode = CODE[code];
  return {
    error: {
      message,
      type: TYPE[code] ?? typeOfStatus(status),
      param,
      code: openAiCode === undefined ? code : openAiCode,
    },
  };
}

export function renderOpenAiError(error: MillraceError): ErrorAnswer & { body: OpenAiError } {
  return { status: error.status, headers: retryHeaders(error), body: toOpenAiError(error) };
}

function retryHeaders({ code, retryAfterMs }: MillraceError): Record<string, string> {
  if (PERMANENT.has(code)) return { 'x-should-retry': 'false' };
  if (retryAfterMs === null) return {};
  if (retryAfterMs > LONGEST_RETRY_AFTER_MS) return { 'x-should-retry': 'false' };
  return { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}

function typeOfStatus(status: number): string {
  if (status < 500) return 'invalid_request_error';
  return status === 503 ? 'service_unavailable_error' : 'server_error';
}
