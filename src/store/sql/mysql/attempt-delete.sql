-- Forgets the attempts of these tasks.
DELETE attempt
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN attempt FORCE INDEX (ix_attempt_task) ON attempt.task_seq = given.value
