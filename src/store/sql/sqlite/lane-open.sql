-- The lane's lease floor, or no row when its queue is paused.
SELECT lane.cleared_seq AS clearedSeq
FROM lane JOIN queue ON queue.seq = lane.queue_seq
WHERE lane.seq = :laneSeq AND queue.paused_at IS NULL
