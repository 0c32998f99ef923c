-- Forgets keys whose time is over.
DELETE FROM idempotency_key WHERE expires_at <= :before ORDER BY expires_at LIMIT :limit
