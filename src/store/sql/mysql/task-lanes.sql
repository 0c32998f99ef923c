-- The lanes of single tasks by their ids, each once.
SELECT DISTINCT task.lane_seq AS laneSeq
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id VARCHAR(255) PATH '$')) AS wanted
STRAIGHT_JOIN task ON task.id = CONVERT(wanted.id USING utf8mb4) COLLATE utf8mb4_bin
