-- Forgets these tasks.
DELETE task
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.value
