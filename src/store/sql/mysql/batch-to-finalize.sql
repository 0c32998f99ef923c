-- Batches that have stopped and wait for their result files, oldest first. The first list of states is that of the index.
SELECT seq FROM batch
WHERE state IN ('validating', 'in_progress', 'finalizing', 'cancelling') AND state IN ('finalizing', 'cancelling')
ORDER BY seq LIMIT :limit
