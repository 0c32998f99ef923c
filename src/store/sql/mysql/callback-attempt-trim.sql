-- Forgets all tries of a callback but the last few.
SELECT seq FROM callback_attempt WHERE callback_seq = :seq ORDER BY seq DESC LIMIT 2000 OFFSET :kept;
DELETE FROM callback_attempt WHERE seq IN (:found)
