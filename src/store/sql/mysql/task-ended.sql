-- Which of these single tasks have ended.
SELECT task.id
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id VARCHAR(255) PATH '$')) AS wanted
STRAIGHT_JOIN task ON task.id = CONVERT(wanted.id USING utf8mb4) COLLATE utf8mb4_bin
WHERE task.state > 2
