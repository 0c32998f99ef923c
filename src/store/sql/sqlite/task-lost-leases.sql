-- Leases of any instance but this one.
SELECT seq, epoch, lane_seq AS laneSeq, batch_seq AS batchSeq, leased_at AS leasedAt, losses,
  mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard
FROM task
WHERE state = 2 AND owner_seq IS NOT NULL AND owner_seq <> :ownerSeq
LIMIT :limit
