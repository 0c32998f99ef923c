-- Forgets the oldest events of streams.
DELETE FROM task_event WHERE created_at <= :before ORDER BY created_at LIMIT :limit
