-- Forgets what a task has said.
DELETE FROM task_event WHERE task_seq = :seq
