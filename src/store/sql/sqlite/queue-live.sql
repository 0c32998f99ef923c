-- Tasks of a queue that have not ended, a count for each of their states because each has an index of its own; its dead
-- letters; batches that are being read in and may bring more; and the last batch of which it may have lines.
SELECT
  (SELECT COUNT(*) FROM lane JOIN task ON task.lane_seq = lane.seq
   WHERE lane.queue_seq = :queueSeq AND task.state = 0)
  + (SELECT COUNT(*) FROM lane JOIN task ON task.lane_seq = lane.seq
     WHERE lane.queue_seq = :queueSeq AND task.state = 1)
  + (SELECT COUNT(*) FROM lane JOIN task ON task.lane_seq = lane.seq
     WHERE lane.queue_seq = :queueSeq AND task.state = 2) AS tasks,
  (SELECT COUNT(*) FROM task WHERE queue_seq = :queueSeq AND state = 4 AND batch_seq IS NULL) AS deadLetters,
  (SELECT COUNT(*) FROM batch
   WHERE state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
     AND (state = 'validating' OR ingested < total)
     AND (queue_seq IS NULL OR queue_seq = :queueSeq)) AS batches,
  (SELECT COALESCE(MAX(seq), 0) FROM batch) AS lastBatchSeq
