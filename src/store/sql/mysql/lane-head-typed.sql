-- The first tasks of a type in a lane that may be given out now, as a lease of them would have them. Lines of batches have no
-- type.
SELECT seq, id, epoch + 1 AS epoch, batch_seq AS batchSeq, body_offset AS bodyOffset, body_length AS bodyLength, tries, type
FROM task FORCE INDEX (ix_task_typed)
WHERE lane_seq = :laneSeq AND type = :type AND state = 1 AND seq > :clearedSeq
ORDER BY seq LIMIT :limit
