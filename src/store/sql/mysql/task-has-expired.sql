-- Whether a task's time is over.
SELECT seq FROM task WHERE state IN (0, 1, 2) AND expires_at IS NOT NULL AND expires_at <= :now LIMIT 1
