-- The queues that have ended single tasks, those of deleted queues included, each found by one look into the index; and how
-- long the queue keeps results.
WITH RECURSIVE found (queue_seq) AS (
  SELECT MIN(queue_seq) FROM task INDEXED BY ix_task_ended WHERE batch_seq IS NULL AND ended_at IS NOT NULL
  UNION ALL
  SELECT (
    SELECT MIN(task.queue_seq) FROM task INDEXED BY ix_task_ended
    WHERE task.batch_seq IS NULL AND task.ended_at IS NOT NULL AND task.queue_seq > found.queue_seq
  )
  FROM found WHERE found.queue_seq IS NOT NULL
)
SELECT found.queue_seq AS queueSeq,
  COALESCE(queue.result_ttl_ms, (SELECT result_ttl_ms FROM deleted_lane WHERE queue_seq = found.queue_seq LIMIT 1)) AS resultTtlMs
FROM found LEFT JOIN queue ON queue.seq = found.queue_seq
WHERE found.queue_seq IS NOT NULL
