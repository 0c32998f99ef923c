-- Whether a task's time is over.
SELECT seq FROM task FORCE INDEX (ix_task_expiry) WHERE state IN (0, 1, 2) AND expires_at IS NOT NULL AND expires_at <= :now LIMIT 1
