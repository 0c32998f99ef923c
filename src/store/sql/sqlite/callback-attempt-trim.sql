-- Forgets all tries of a callback but the last few.
DELETE FROM callback_attempt
WHERE callback_seq = :seq AND seq <= (
  SELECT seq FROM callback_attempt WHERE callback_seq = :seq ORDER BY seq DESC LIMIT 1 OFFSET :kept
)
