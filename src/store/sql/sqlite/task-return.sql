-- Puts a leased task back into its place, if it is still leased with this epoch.
UPDATE task
SET state = :state, available_at = :availableAt, tries = tries + :tried, losses = losses + :lost,
  owner_seq = NULL, worker_seq = NULL, lease_until = NULL
WHERE seq = :seq AND epoch = :epoch AND state = 2
