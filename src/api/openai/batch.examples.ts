import type { BatchView } from './batch.mapper.js';

const NO_USAGE = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

/** For the API's documentation. */
export const NEW_BATCH_EXAMPLE: BatchView = {
  id: 'batch_01a2047eb4ae720a934c4b5e27779f71',
  object: 'batch',
  endpoint: '/v1/chat/completions',
  model: null,
  errors: null,
  input_file_id: 'file-01a2047eb4a0729cbb4c4b5e27779f71',
  completion_window: '24h',
  status: 'validating',
  output_file_id: null,
  error_file_id: null,
  created_at: 1_795_370_000,
  in_progress_at: null,
  expires_at: 1_795_456_400,
  finalizing_at: null,
  completed_at: null,
  failed_at: null,
  expired_at: null,
  cancelling_at: null,
  cancelled_at: null,
  request_counts: { total: 0, completed: 0, failed: 0 },
  usage: NO_USAGE,
  metadata: { night: '2026-11-22' },
};

export const CANCELLING_BATCH_EXAMPLE: BatchView = {
  ...NEW_BATCH_EXAMPLE,
  model: 'demo-small',
  status: 'cancelling',
  in_progress_at: 1_795_370_001,
  cancelling_at: 1_795_370_100,
  request_counts: { total: 50_000, completed: 12_345, failed: 6 },
};

export const BATCH_NOT_FOUND_EXAMPLE = {
  error: {
    message: "No batch found with id 'batch_01a2047eb4ae720a934c4b5e27779f71'.",
    type: 'invalid_request_error',
    param: null,
    code: null,
  },
};

export const BATCH_REFUSED_EXAMPLE = {
  error: {
    message: "Missing required parameter: 'input_file_id'.",
    type: 'invalid_request_error',
    param: 'input_file_id',
    code: 'missing_required_parameter',
  },
};

export const NOT_CANCELLABLE_EXAMPLE = {
  error: {
    message: "Cannot cancel a batch with status 'completed'.",
    type: 'invalid_request_error',
    param: null,
    code: null,
  },
};
