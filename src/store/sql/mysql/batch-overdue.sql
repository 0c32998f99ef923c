-- Running batches whose window is over. The first list of states is that of the index.
SELECT seq FROM batch
WHERE state IN ('validating', 'in_progress', 'finalizing', 'cancelling') AND state IN ('validating', 'in_progress')
  AND expires_at <= :now
LIMIT :limit
