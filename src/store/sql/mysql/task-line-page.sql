-- The lines of a batch before one, last first.
SELECT seq, id, line, queue_seq AS queueSeq, state, enqueued_at AS enqueuedAt FROM task
WHERE batch_seq = :batchSeq
  AND line < COALESCE((SELECT line FROM task AS earlier WHERE earlier.seq = :afterSeq), 2147483647)
ORDER BY line DESC LIMIT :limit
