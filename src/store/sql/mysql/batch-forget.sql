-- Forgets batches that ended long enough ago and have no lines left.
DELETE FROM batch WHERE cleared_at IS NOT NULL AND ended_at IS NOT NULL AND ended_at <= :before ORDER BY ended_at LIMIT :limit
