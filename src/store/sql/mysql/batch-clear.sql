-- Notes that no line of an ended batch is left.
UPDATE batch SET cleared_at = :now
WHERE seq = :batchSeq AND ended_at IS NOT NULL AND cleared_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM task WHERE task.batch_seq = :batchSeq)
