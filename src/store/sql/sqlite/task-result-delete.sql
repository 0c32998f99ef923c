-- Forgets how these tasks ended.
DELETE FROM task_result WHERE task_seq IN (SELECT value FROM json_each(:seqs))
