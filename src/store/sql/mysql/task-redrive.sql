-- A failed single task starts anew in its place, with a new time limit.
UPDATE task SET state = 1, tries = 0, losses = 0, available_at = NULL, ended_at = NULL, status_code = NULL,
  owner_seq = NULL, worker_seq = NULL, lease_until = NULL,
  expires_at = CASE WHEN expires_at IS NULL THEN NULL ELSE :now + :ttlMs END
WHERE seq = :seq AND state = 4 AND batch_seq IS NULL
