-- Lanes that workers want to take from, of queues that are not paused. Locked is one whose last sequential task is still
-- leased with the epoch it was given then: whatever ends that lease frees the lane.
SELECT lane.seq AS laneSeq, lane.queue_seq AS queueSeq, lane.cleared_seq AS clearedSeq,
  queue.max_concurrency AS maxConcurrency,
  EXISTS (SELECT 1 FROM task WHERE task.seq = lane.locked_seq AND task.epoch = lane.locked_epoch AND task.state = 2) AS isLocked
FROM JSON_TABLE(:laneSeqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN lane ON lane.seq = wanted.value
JOIN queue ON queue.seq = lane.queue_seq
WHERE queue.paused_at IS NULL
