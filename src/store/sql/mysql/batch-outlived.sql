-- Batches that ended long enough ago and still have the rows of their lines, the longest first.
SELECT seq FROM batch
WHERE cleared_at IS NULL AND ended_at IS NOT NULL AND ended_at <= :before
ORDER BY ended_at LIMIT :limit
