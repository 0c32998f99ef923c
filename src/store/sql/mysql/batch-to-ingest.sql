-- Batches of which lines are still to be read in, oldest first. The list of states is that of the index.
SELECT seq FROM batch
WHERE state IN ('validating', 'in_progress', 'finalizing', 'cancelling') AND (state = 'validating' OR ingested < total)
ORDER BY seq LIMIT :limit
