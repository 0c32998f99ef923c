-- Leases of one instance, or, where none is named, of all but the one that asks; until a time, if one is given, and but
-- for those that are known.
SELECT seq, epoch, lane_seq AS laneSeq, batch_seq AS batchSeq, leased_at AS leasedAt, losses,
  mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard
FROM task
WHERE state = 2 AND owner_seq IS NOT NULL AND (:ownerSeq IS NULL OR owner_seq <> :ownerSeq) AND (:deadSeq IS NULL OR owner_seq = :deadSeq)
  AND (:leasedUntil IS NULL OR leased_at <= :leasedUntil) AND seq NOT IN (SELECT value FROM json_each(:known))
LIMIT :limit
