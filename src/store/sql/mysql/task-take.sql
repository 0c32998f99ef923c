-- Leases tasks to workers. Their lanes are locked, so they are as they were when they were chosen.
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', now BIGINT PATH '$.now',
  workerSeq BIGINT PATH '$.workerSeq', leaseUntil BIGINT PATH '$.leaseUntil', leaseMs BIGINT PATH '$.leaseMs',
  leaseEnd VARCHAR(255) PATH '$.leaseEnd', leaseRetries BIGINT PATH '$.leaseRetries')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
SET task.state = 2, task.epoch = task.epoch + 1, task.owner_seq = NULL, task.worker_seq = given.workerSeq,
  task.leased_at = given.now, task.lease_until = given.leaseUntil, task.lease_ms = given.leaseMs,
  task.lease_end = given.leaseEnd, task.lease_retries = given.leaseRetries
WHERE task.state = 1
