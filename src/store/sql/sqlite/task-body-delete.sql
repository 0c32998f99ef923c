-- Forgets what these tasks were asked.
DELETE FROM task_body WHERE task_seq IN (SELECT value FROM json_each(:seqs))
