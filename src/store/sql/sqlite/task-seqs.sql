-- The rows of single tasks by their ids; unknown ones have none.
SELECT wanted.key AS place, task.seq FROM json_each(:ids) AS wanted JOIN task ON task.id = wanted.value
