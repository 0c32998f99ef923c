-- Forgets the oldest acts. Entries are numbered in the order of their time, so only the first ones are looked at.
SELECT seq FROM (SELECT seq, created_at FROM audit_entry ORDER BY seq LIMIT :limit) AS oldest WHERE created_at <= :before;
DELETE FROM audit_entry WHERE seq IN (:found)
