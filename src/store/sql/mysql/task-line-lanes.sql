-- The lanes of lines of batches by [batch id, line], each once.
SELECT DISTINCT task.lane_seq AS laneSeq
FROM JSON_TABLE(:keys, '$[*]' COLUMNS (batch_id VARCHAR(255) PATH '$[0]', line BIGINT PATH '$[1]')) AS wanted
STRAIGHT_JOIN batch ON batch.id = CONVERT(wanted.batch_id USING utf8mb4) COLLATE utf8mb4_bin
STRAIGHT_JOIN task ON task.batch_seq = batch.seq AND task.line = wanted.line
