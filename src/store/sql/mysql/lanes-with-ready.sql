-- Which of these lanes have anything to lease.
SELECT lane.seq AS laneSeq FROM JSON_TABLE(:laneSeqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS wanted STRAIGHT_JOIN lane ON lane.seq = wanted.value
WHERE EXISTS (SELECT 1 FROM task WHERE task.lane_seq = lane.seq AND task.state = 1 AND task.seq > lane.cleared_seq)
