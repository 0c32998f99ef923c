-- Forgets how these tasks ended.
DELETE task_result
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN task_result FORCE INDEX (PRIMARY) ON task_result.task_seq = given.value
