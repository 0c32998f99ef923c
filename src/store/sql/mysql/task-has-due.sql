-- Whether a scheduled task's time has come.
SELECT seq FROM task FORCE INDEX (ix_task_scheduled) WHERE state = 0 AND available_at <= :now LIMIT 1
