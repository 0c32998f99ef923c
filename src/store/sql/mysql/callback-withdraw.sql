-- Withdraws the callbacks of a task that are not delivered, those under way and those given up included.
SELECT seq FROM callback WHERE task_seq = :taskSeq AND state <> 3 FOR UPDATE;
DELETE FROM callback WHERE seq IN (:found)
