-- Counts the next lines of a batch as read in, if they are indeed the next; the first ones start the batch. A batch that
-- was stopped meanwhile still gets its remaining lines, so that each can be answered for in the error file.
UPDATE batch SET
  ingested = ingested + :count,
  total = :total,
  model = :model,
  state = CASE WHEN state = 'validating' THEN 'in_progress' ELSE state END,
  in_progress_at = COALESCE(in_progress_at, :now)
WHERE seq = :batchSeq AND ingested = :from
  AND (state = 'validating' OR (state IN ('in_progress', 'finalizing', 'cancelling') AND total > 0))
