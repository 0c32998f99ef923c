-- Whether a lease's time is over.
SELECT seq FROM task FORCE INDEX (ix_task_lease) WHERE state = 2 AND lease_until IS NOT NULL AND lease_until <= :now LIMIT 1
