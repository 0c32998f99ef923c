-- Which of these lines of batches, by [batch id, line], have ended, as their rows.
SELECT wanted.place - 1 AS place, task.seq
FROM JSON_TABLE(:keys, '$[*]' COLUMNS (place FOR ORDINALITY, batch_id VARCHAR(255) PATH '$[0]', line BIGINT PATH '$[1]')) AS wanted
STRAIGHT_JOIN batch ON batch.id = CONVERT(wanted.batch_id USING utf8mb4) COLLATE utf8mb4_bin
STRAIGHT_JOIN task ON task.batch_seq = batch.seq AND task.line = wanted.line
WHERE task.state > 2
