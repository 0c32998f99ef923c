-- Leases the tasks that were chosen from the heads of their types to an instance, for its handlers. Their lane is locked, so
-- they are as they were when they were chosen.
UPDATE JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = wanted.value
SET task.state = 2, task.epoch = task.epoch + 1, task.owner_seq = :ownerSeq, task.worker_seq = NULL, task.lease_until = NULL,
  task.leased_at = :now
WHERE task.state = 1
