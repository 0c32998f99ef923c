-- Withdraws the callbacks of these tasks that are not delivered, those under way and those given up included.
SELECT callback.seq
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
STRAIGHT_JOIN callback FORCE INDEX (ix_callback_task) ON callback.task_seq = given.value
WHERE callback.state <> 3
FOR UPDATE /*!80000 OF callback */;
DELETE FROM callback WHERE seq IN (:found)
