-- Forgets the attempts of a task.
DELETE FROM attempt WHERE task_seq = :seq
