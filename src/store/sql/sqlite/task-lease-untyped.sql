-- task-lease-untyped
-- As task-lease, from a lane that handlers serve too: tasks with a type are theirs.
UPDATE task
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, worker_seq = NULL, lease_until = NULL, leased_at = :now
WHERE seq IN (
  SELECT seq FROM task
  WHERE lane_seq = :laneSeq AND state = 1 AND seq > :clearedSeq AND type IS NULL
    AND (batch_seq IS NULL
      OR batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL))
  ORDER BY seq
  LIMIT :want
)
RETURNING seq, id, epoch, batch_seq AS batchSeq, body_offset AS bodyOffset, body_length AS bodyLength, tries
