-- The latest instants that were written: by whatever clock the servers had.
SELECT GREATEST(
  (SELECT COALESCE(MAX(GREATEST(started_at, heartbeat_at)), 0) FROM instance),
  (SELECT COALESCE(MAX(created_at), 0) FROM batch)) AS latestAt
