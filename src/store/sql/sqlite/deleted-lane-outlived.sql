-- Lanes of deleted queues of which no task is left: no single one, which by then has ended, and no line of a batch that was
-- there before they were deleted.
SELECT seq FROM deleted_lane
WHERE NOT EXISTS (
    SELECT 1 FROM task INDEXED BY ix_task_ended
    WHERE task.queue_seq = deleted_lane.queue_seq AND task.batch_seq IS NULL AND task.ended_at IS NOT NULL)
  AND NOT EXISTS (
    SELECT 1 FROM batch INDEXED BY ix_batch_live
    WHERE batch.state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
      AND (batch.queue_seq IS NULL OR batch.queue_seq = deleted_lane.queue_seq) AND batch.seq <= deleted_lane.last_batch_seq)
  AND NOT EXISTS (
    SELECT 1 FROM batch INDEXED BY ix_batch_uncleared
    WHERE batch.ended_at IS NOT NULL AND batch.cleared_at IS NULL
      AND (batch.queue_seq IS NULL OR batch.queue_seq = deleted_lane.queue_seq) AND batch.seq <= deleted_lane.last_batch_seq)
ORDER BY seq LIMIT :limit
