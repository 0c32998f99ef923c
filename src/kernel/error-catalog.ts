/**
 * Every error a caller can meet: its internal code and the HTTP status it becomes.
 * Dialects translate codes into their own words (see `api/openai/openai-error.ts`); the status is the same everywhere.
 */
export const ERROR_CATALOG = {
  // 400: what was sent cannot be used
  invalid_json: 400,
  missing_required_parameter: 400,
  unknown_parameter: 400,
  invalid_type: 400,
  invalid_value: 400,
  integer_above_max_value: 400,
  integer_below_min_value: 400,
  invalid_file_format: 400,
  invalid_request: 400,
  file_too_large: 400,
  queue_not_found: 400,
  no_route: 400,
  no_handler: 400,
  // 401, 403: who is asking
  missing_api_key: 401,
  invalid_api_key: 401,
  api_key_in_query: 400,
  insufficient_scope: 403,
  foreign_origin: 403,
  // 404, 405, 409 …: where it was sent, or when
  not_found: 404,
  unknown_url: 404,
  method_not_allowed: 405,
  conflict: 409,
  batch_not_cancellable: 409,
  lease_lost: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  expectation_failed: 417,
  idempotency_key_reused: 422,
  quota_exceeded: 429,
  queue_full: 429,
  rate_limit_exceeded: 429,
  // 5xx: ours
  internal: 500,
  shutting_down: 503,
  overloaded: 503,
  store_unavailable: 503,
  outcome_unknown: 503,
  storage_unavailable: 503,
  insufficient_storage: 507,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CATALOG;
