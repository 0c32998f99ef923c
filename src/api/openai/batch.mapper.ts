import { toSeconds } from '../../kernel/clock.js';
import type { StoredBatch } from '../../store/batch.store.js';

/** One fault of an input file. */
export interface BatchErrorView {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

/** A batch on OpenAI's wire: every key is always there, times are whole seconds. */
export interface BatchView {
  id: string;
  object: 'batch';
  endpoint: string;
  model: string | null;
  errors: { object: 'list'; data: BatchErrorView[] } | null;
  input_file_id: string;
  completion_window: string;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  created_at: number;
  in_progress_at: number | null;
  expires_at: number;
  finalizing_at: number | null;
  completed_at: number | null;
  failed_at: number | null;
  expired_at: number | null;
  cancelling_at: number | null;
  cancelled_at: number | null;
  request_counts: { total: number; completed: number; failed: number };
  usage: UsageView;
  metadata: Record<string, string> | null;
}

interface UsageView {
  input_tokens: number;
  input_tokens_details: { cached_tokens: number };
  output_tokens: number;
  output_tokens_details: { reasoning_tokens: number };
  total_tokens: number;
}

export function toBatchView(batch: StoredBatch): BatchView {
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    model: batch.model,
    errors: batch.errors === null ? null : (JSON.parse(batch.errors) as BatchView['errors']),
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.state,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: toSeconds(batch.createdAt),
    in_progress_at: toSeconds(batch.inProgressAt),
    expires_at: toSeconds(batch.expiresAt),
    finalizing_at: toSeconds(batch.finalizingAt),
    completed_at: toSeconds(batch.completedAt),
    failed_at: toSeconds(batch.failedAt),
    expired_at: toSeconds(batch.expiredAt),
    cancelling_at: toSeconds(batch.cancellingAt),
    cancelled_at: toSeconds(batch.cancelledAt),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    usage: {
      input_tokens: batch.inputTokens,
      input_tokens_details: { cached_tokens: batch.cachedTokens },
      output_tokens: batch.outputTokens,
      output_tokens_details: { reasoning_tokens: batch.reasoningTokens },
      total_tokens: batch.totalTokens,
    },
    metadata: batch.metadata === null ? null : (JSON.parse(batch.metadata) as Record<string, string>),
  };
}
