-- Leases whose time is over, the longest first. Their lanes are locked before they are looked at in earnest: a holder may just
-- be renewing or ending one.
SELECT DISTINCT lane_seq AS seq FROM (
  SELECT lane_seq FROM task FORCE INDEX (ix_task_lease)
  WHERE state = 2 AND lease_until IS NOT NULL AND lease_until <= :now
  ORDER BY lease_until LIMIT :limit
) AS overdue;
SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (:found) ORDER BY seq FOR UPDATE;
SELECT task.seq, task.id, task.epoch, task.state, task.mode, task.tries, task.tenant_seq AS tenantSeq,
  task.lane_seq AS laneSeq, task.batch_seq AS batchSeq, task.owner_seq AS ownerSeq, task.leased_at AS leasedAt,
  task.callback_url IS NOT NULL AS hasCallback,
  queue.max_concurrency IS NOT NULL OR COALESCE(lane.locked_seq = task.seq, 0) AS holdsRoom,
  queue.tenant_seq AS queueTenantSeq, queue.completion_rule AS completionRule, queue.retry_policy AS retryPolicy,
  task.mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard,
  task.lease_end AS leaseEnd, task.lease_retries AS leaseRetries, task.expires_at AS expiresAt
FROM task FORCE INDEX (ix_task_lease)
STRAIGHT_JOIN lane ON lane.seq = task.lane_seq
STRAIGHT_JOIN queue ON queue.seq = task.queue_seq
WHERE task.state = 2 AND task.lease_until IS NOT NULL AND task.lease_until <= :now AND task.lane_seq IN (:found)
ORDER BY task.lease_until LIMIT :limit
