-- Leases the tasks of one take to its worker. Their lanes are locked, so they are as they were when they were chosen.
UPDATE JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = wanted.value
SET task.state = 2, task.epoch = task.epoch + 1, task.owner_seq = NULL, task.worker_seq = :workerSeq,
  task.leased_at = :now, task.lease_until = :leaseUntil, task.lease_ms = :leaseMs, task.lease_end = :leaseEnd,
  task.lease_retries = :leaseRetries
WHERE task.state = 1
