-- Lines in one window of a batch that have not ended.
SELECT COUNT(*) AS live FROM task
WHERE batch_seq = :batchSeq AND line > :after AND line <= :until AND state < 3
