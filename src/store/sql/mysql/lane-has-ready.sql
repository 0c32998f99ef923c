-- Whether the lane has anything to lease: its first ready task, if any, as task-lease would find it.
SELECT task.seq
FROM lane JOIN queue ON queue.seq = lane.queue_seq JOIN task FORCE INDEX (ix_task_ready) ON task.lane_seq = lane.seq
WHERE lane.seq = :laneSeq AND queue.paused_at IS NULL AND task.state = 1 AND task.seq > lane.cleared_seq
  AND (task.batch_seq IS NULL
    OR task.batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL))
LIMIT 1
