-- Forgets a task that has ended, unless it was made ready again meanwhile, or a callback needs its result.
DELETE FROM task
WHERE seq = :seq AND state > 2
  AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.task_seq = :seq AND callback.state <> 3)
