-- Withdraws the callbacks of these tasks that are not delivered, those under way and those given up included.
DELETE FROM callback WHERE task_seq IN (SELECT value FROM json_each(:seqs)) AND state <> 3 RETURNING seq
