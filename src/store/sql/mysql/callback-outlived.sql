-- Callbacks that ended in this state long enough ago, the longest first.
SELECT seq FROM callback
WHERE state = :state AND ended_at IS NOT NULL AND ended_at <= :before
ORDER BY ended_at LIMIT :limit
