-- Whether the lane has anything to lease: its first ready task, if any.
SELECT task.seq FROM task JOIN lane ON lane.seq = task.lane_seq
WHERE task.lane_seq = :laneSeq AND task.state = 1 AND task.seq > lane.cleared_seq
LIMIT 1
