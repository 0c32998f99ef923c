-- Ends the lease of a callback, if it still has this epoch.
UPDATE callback
SET state = :state, available_at = COALESCE(:availableAt, available_at), tries = tries + :tried, owner_seq = NULL,
  leased_at = NULL, ended_at = :endedAt
WHERE seq = :seq AND epoch = :epoch AND state = 2
