-- Withdraws the callbacks of a task that are not delivered, those under way and those given up included.
DELETE FROM callback WHERE task_seq = :taskSeq AND state <> 3 RETURNING seq
