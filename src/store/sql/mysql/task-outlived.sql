-- Single tasks of a queue that ended in this state long enough ago, the longest first. A callback that is still to be
-- delivered, or was given up and may be sent again, may need the result.
SELECT seq FROM task
WHERE batch_seq IS NULL AND queue_seq = :queueSeq AND state = :state AND ended_at <= :before
  AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.task_seq = task.seq AND callback.state <> 3)
ORDER BY ended_at LIMIT :limit
