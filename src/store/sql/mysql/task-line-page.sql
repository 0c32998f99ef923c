-- The lines of a batch before one, last first. A filter that is null is none.
SELECT seq FROM task
WHERE batch_seq = :batchSeq
  AND line < COALESCE((SELECT line FROM task AS earlier WHERE earlier.seq = :afterSeq), 2147483647)
  AND (:queueSeq IS NULL OR queue_seq = :queueSeq)
  AND (:state IS NULL OR state = :state)
  AND (:since IS NULL OR enqueued_at >= :since)
  AND (:before IS NULL OR enqueued_at < :before)
ORDER BY line DESC LIMIT :limit
