-- Which of these single tasks have ended.
SELECT task.id FROM json_each(:ids) AS wanted JOIN task ON task.id = wanted.value WHERE task.state > 2
