-- The lanes of single tasks by their ids, each once.
SELECT DISTINCT task.lane_seq AS laneSeq FROM json_each(:ids) AS wanted JOIN task ON task.id = wanted.value
