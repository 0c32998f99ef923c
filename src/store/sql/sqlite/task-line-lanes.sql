-- The lanes of lines of batches by [batch id, line], each once.
SELECT DISTINCT task.lane_seq AS laneSeq
FROM json_each(:keys) AS wanted
JOIN batch ON batch.id = json_extract(wanted.value, '$[0]')
JOIN task ON task.batch_seq = batch.seq AND task.line = json_extract(wanted.value, '$[1]')
