-- Leases the head of a lane, which is locked. Lines of a batch that was stopped stay where they are until the settling sweep
-- takes them; the inner list of those batches is nearly always empty.
SELECT seq, id, epoch + 1 AS epoch, batch_seq AS batchSeq, body_offset AS bodyOffset, body_length AS bodyLength, tries FROM task FORCE INDEX (ix_task_ready)
WHERE lane_seq = :laneSeq AND state = 1 AND seq > :clearedSeq
  AND (batch_seq IS NULL
    OR batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL))
ORDER BY seq
LIMIT :want
FOR UPDATE SKIP LOCKED;
UPDATE task
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, worker_seq = NULL, lease_until = NULL, leased_at = :now
WHERE seq IN (:found)
