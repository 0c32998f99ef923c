-- task-lease-typed
-- Leases the first tasks of a type from a lane. Lines of batches have no type.
UPDATE task
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, worker_seq = NULL, lease_until = NULL, leased_at = :now
WHERE seq IN (
  SELECT seq FROM task
  WHERE lane_seq = :laneSeq AND type = :type AND state = 1 AND seq > :clearedSeq
  ORDER BY seq
  LIMIT :want
)
RETURNING seq, id, epoch, batch_seq AS batchSeq, body_offset AS bodyOffset, body_length AS bodyLength, tries, type
