-- Notes that the workers who hold these tasks are here, unless that has just been noted.
UPDATE (
  SELECT DISTINCT task.worker_seq FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) AS held
  STRAIGHT_JOIN task ON task.seq = held.seq
) AS holder
STRAIGHT_JOIN worker ON worker.seq = holder.worker_seq
SET worker.last_seen_at = :now
WHERE worker.last_seen_at <= :notedBefore OR worker.last_seen_at > :now
