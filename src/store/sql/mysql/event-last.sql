-- The number of a task's last event.
SELECT COALESCE(MAX(n), 0) AS n FROM task_event WHERE task_seq = :taskSeq
