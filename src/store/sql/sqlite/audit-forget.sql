-- Forgets the oldest acts. Entries are numbered in the order of their time, so only the first ones are looked at.
DELETE FROM audit_entry
WHERE created_at <= :before AND seq IN (SELECT seq FROM audit_entry ORDER BY seq LIMIT :limit)
