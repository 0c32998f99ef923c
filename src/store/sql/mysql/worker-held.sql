-- What the workers of a tenant hold, by worker and lane.
SELECT task.worker_seq AS workerSeq, queue.name AS queueName, lane.level, COUNT(*) AS count,
  MIN(task.leased_at) AS oldestLeasedAt, MIN(task.lease_until) AS nextLeaseEnd
FROM task
JOIN worker ON worker.seq = task.worker_seq
JOIN lane ON lane.seq = task.lane_seq
JOIN queue ON queue.seq = lane.queue_seq
WHERE task.state = 2 AND worker.tenant_seq = :tenantSeq
GROUP BY task.worker_seq, lane.seq
ORDER BY task.worker_seq, queue.name, lane.level
