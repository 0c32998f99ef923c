-- Forgets server processes that have given no sign of life for long, but never the one that asks.
DELETE FROM instance WHERE heartbeat_at <= :before AND seq <> :ownSeq ORDER BY heartbeat_at LIMIT :limit
