-- Forgets the foreign names of these tasks.
DELETE task_alias
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN task_alias FORCE INDEX (ix_task_alias_task) ON task_alias.task_seq = given.value
