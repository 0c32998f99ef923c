-- Which of these single tasks have ended, as their rows.
SELECT wanted.key AS place, task.seq FROM json_each(:ids) AS wanted JOIN task ON task.id = wanted.value WHERE task.state > 2
