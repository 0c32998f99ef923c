-- The latest instants that were written: by whatever clock the servers had.
SELECT
  MAX((SELECT COALESCE(MAX(MAX(started_at, heartbeat_at)), 0) FROM instance), (SELECT COALESCE(MAX(created_at), 0) FROM batch)) AS latestAt;
