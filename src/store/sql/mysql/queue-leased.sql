-- Tasks of a queue that are leased, on all its levels. Never more than its limit, so it is a short count.
SELECT COUNT(*) AS leased FROM lane JOIN task ON task.lane_seq = lane.seq
WHERE lane.queue_seq = :queueSeq AND task.state = 2
