import type { Usage } from '../../store/procedures/task-shapes.js';

/**
 * Tokens of an answer, in any of OpenAI's three spellings: chat and completions (`prompt_tokens`), responses
 * (`input_tokens`), embeddings (no output). Null when it says nothing of them.
 */
export function usageOf(answer: unknown): Usage | null {
  const usage = record(record(answer)?.['usage']);
  if (!usage) return null;
  const inputTokens = count(usage['input_tokens'] ?? usage['prompt_tokens']);
  const outputTokens = count(usage['output_tokens'] ?? usage['completion_tokens']);
  const inputDetails = record(usage['input_tokens_details'] ?? usage['prompt_tokens_details']);
  const outputDetails = record(usage['output_tokens_details'] ?? usage['completion_tokens_details']);
  return {
    inputTokens,
    cachedTokens: count(inputDetails?.['cached_tokens']),
    outputTokens,
    reasoningTokens: count(outputDetails?.['reasoning_tokens']),
    totalTokens: usage['total_tokens'] === undefined ? inputTokens + outputTokens : count(usage['total_tokens']),
  };
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

/** What an upstream says is not to be trusted: anything but a whole number counts as none. */
function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
