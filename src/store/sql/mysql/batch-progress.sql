-- Counts recorded lines and tokens; the last line of a running batch moves it to finalizing. A column that is assigned is
-- seen with its new value by the assignments after it, so what is looked at is assigned last.
UPDATE batch SET
  finalizing_at = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN :now ELSE finalizing_at END,
  outcome = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN 'completed' ELSE outcome END,
  state = CASE WHEN state = 'in_progress' AND completed + failed + :completed + :failed >= total
    THEN 'finalizing' ELSE state END,
  completed = completed + :completed,
  failed = failed + :failed,
  input_tokens = input_tokens + :inputTokens,
  cached_tokens = cached_tokens + :cachedTokens,
  output_tokens = output_tokens + :outputTokens,
  reasoning_tokens = reasoning_tokens + :reasoningTokens,
  total_tokens = total_tokens + :totalTokens
WHERE seq = :seq;
SELECT outcome FROM batch WHERE seq = :seq
