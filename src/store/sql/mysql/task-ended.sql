-- Which of these single tasks have ended, as their rows.
SELECT wanted.place - 1 AS place, task.seq
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (place FOR ORDINALITY, id VARCHAR(255) PATH '$')) AS wanted
STRAIGHT_JOIN task ON task.id = CONVERT(wanted.id USING utf8mb4) COLLATE utf8mb4_bin
WHERE task.state > 2
