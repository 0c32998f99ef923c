-- The single tasks of a tenant before one, newest first.
SELECT seq, id, line, queue_seq AS queueSeq, state, enqueued_at AS enqueuedAt FROM task
WHERE tenant_seq = :tenantSeq AND batch_seq IS NULL AND seq < :beforeSeq
ORDER BY seq DESC LIMIT :limit
