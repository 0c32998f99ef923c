-- Forgets how a task ended.
DELETE FROM task_result WHERE task_seq = :seq
