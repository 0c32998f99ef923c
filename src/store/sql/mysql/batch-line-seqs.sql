-- The first lines of a batch that are still there.
SELECT seq FROM task WHERE batch_seq = :batchSeq ORDER BY line LIMIT :limit
