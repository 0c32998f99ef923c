-- Hides files whose time is over.
UPDATE file SET deleted_at = :now
WHERE deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= :now
ORDER BY expires_at LIMIT :limit
