-- Forgets the foreign names of these tasks.
DELETE FROM task_alias WHERE task_seq IN (SELECT value FROM json_each(:seqs))
