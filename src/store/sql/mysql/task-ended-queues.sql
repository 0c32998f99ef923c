-- The queues that have ended single tasks, those of deleted queues included, each found by one look into the index; and how
-- long the queue keeps results.
SELECT found.queue_seq AS queueSeq,
  COALESCE(queue.result_ttl_ms, (SELECT result_ttl_ms FROM deleted_lane WHERE queue_seq = found.queue_seq LIMIT 1)) AS resultTtlMs
FROM (SELECT DISTINCT queue_seq FROM task) AS found
LEFT JOIN queue ON queue.seq = found.queue_seq
WHERE EXISTS (
  SELECT 1 FROM task
  WHERE task.queue_seq = found.queue_seq AND task.batch_seq IS NULL AND task.state IN (3, 4, 5, 6)
    AND task.ended_at IS NOT NULL
)
ORDER BY found.queue_seq
