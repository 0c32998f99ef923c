-- Counts recorded lines and tokens; the last line of a running batch moves it to finalizing.
UPDATE batch SET
  completed = completed + :completed,
  failed = failed + :failed,
  input_tokens = input_tokens + :inputTokens,
  cached_tokens = cached_tokens + :cachedTokens,
  output_tokens = output_tokens + :outputTokens,
  reasoning_tokens = reasoning_tokens + :reasoningTokens,
  total_tokens = total_tokens + :totalTokens,
  state = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN 'finalizing' ELSE state END,
  outcome = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN 'completed' ELSE outcome END,
  finalizing_at = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN :now ELSE finalizing_at END
WHERE seq = :seq
RETURNING outcome
