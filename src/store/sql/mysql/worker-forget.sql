-- Forgets workers that have not been seen for long.
DELETE FROM worker WHERE last_seen_at <= :before ORDER BY last_seen_at LIMIT :limit
