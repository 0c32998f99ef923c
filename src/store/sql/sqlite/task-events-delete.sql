-- Forgets what these tasks have said.
DELETE FROM task_event WHERE task_seq IN (SELECT value FROM json_each(:seqs))
