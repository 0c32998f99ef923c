-- Leases the first tasks of a type from a lane. Lines of batches have no type.
SELECT seq, id, epoch + 1 AS epoch, batch_seq AS batchSeq, body_offset AS bodyOffset, body_length AS bodyLength, tries, type FROM task FORCE INDEX (ix_task_typed)
WHERE lane_seq = :laneSeq AND state = 1 AND seq > :clearedSeq AND type = :type
ORDER BY seq
LIMIT :want
FOR UPDATE SKIP LOCKED;
UPDATE task
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, worker_seq = NULL, lease_until = NULL, leased_at = :now
WHERE seq IN (:found)
