-- Forgets these tasks.
DELETE FROM task WHERE seq IN (SELECT value FROM json_each(:seqs))
