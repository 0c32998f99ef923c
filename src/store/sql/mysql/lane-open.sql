-- The lane's lease floor and its queue's limit, or no row when its queue is paused.
SELECT lane.cleared_seq AS clearedSeq, lane.queue_seq AS queueSeq, queue.max_concurrency AS maxConcurrency
FROM lane JOIN queue ON queue.seq = lane.queue_seq
WHERE lane.seq = :laneSeq AND queue.paused_at IS NULL
