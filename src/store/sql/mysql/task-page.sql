-- The single tasks of a tenant before one, newest first. A filter that is null is none.
SELECT seq FROM task FORCE INDEX (ix_task_single)
WHERE tenant_seq = :tenantSeq AND batch_seq IS NULL AND seq < :beforeSeq
  AND (:queueSeq IS NULL OR queue_seq = :queueSeq)
  AND (:state IS NULL OR state = :state)
  AND (:since IS NULL OR enqueued_at >= :since)
  AND (:before IS NULL OR enqueued_at < :before)
ORDER BY seq DESC LIMIT :limit
