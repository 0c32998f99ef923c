-- Forgets what these tasks were asked.
DELETE task_body
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN task_body FORCE INDEX (PRIMARY) ON task_body.task_seq = given.value
