-- Forgets the foreign names of a task.
DELETE FROM task_alias WHERE task_seq = :seq
