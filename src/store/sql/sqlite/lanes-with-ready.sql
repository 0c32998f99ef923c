-- Which of these lanes have anything to lease.
SELECT lane.seq AS laneSeq FROM json_each(:laneSeqs) AS wanted JOIN lane ON lane.seq = wanted.value
WHERE EXISTS (SELECT 1 FROM task WHERE task.lane_seq = lane.seq AND task.state = 1 AND task.seq > lane.cleared_seq)
