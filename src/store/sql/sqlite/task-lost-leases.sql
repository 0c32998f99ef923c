-- Leases of other instances that are dead: those that were not heard of since :aliveSince, or have ended.
SELECT seq, epoch, lane_seq AS laneSeq, batch_seq AS batchSeq, leased_at AS leasedAt, losses,
  mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard
FROM task
WHERE state = 2 AND owner_seq IS NOT NULL AND owner_seq <> :ownerSeq
  AND NOT EXISTS (
    SELECT 1 FROM instance
    WHERE instance.seq = task.owner_seq AND instance.ended_at IS NULL AND instance.heartbeat_at > :aliveSince
  )
LIMIT :limit
