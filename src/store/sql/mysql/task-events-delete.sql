-- Forgets what these tasks have said.
DELETE task_event
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN task_event FORCE INDEX (PRIMARY) ON task_event.task_seq = given.value
