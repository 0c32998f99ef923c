-- Which of these lines of batches, by [batch id, line], have ended, as their rows.
SELECT wanted.key AS place, task.seq
FROM json_each(:keys) AS wanted
JOIN batch ON batch.id = json_extract(wanted.value, '$[0]')
JOIN task ON task.batch_seq = batch.seq AND task.line = json_extract(wanted.value, '$[1]')
WHERE task.state > 2
