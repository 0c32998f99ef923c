-- The lane's lease floor and its queue's limit, or no row when its queue is paused, or when who asks has ended: its leases were
-- taken back already, and nobody would look for new ones. A process that was frozen may not know it yet.
SELECT lane.cleared_seq AS clearedSeq, lane.queue_seq AS queueSeq, queue.max_concurrency AS maxConcurrency
FROM lane JOIN queue ON queue.seq = lane.queue_seq
WHERE lane.seq = :laneSeq AND queue.paused_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM instance WHERE seq = :ownerSeq AND ended_at IS NOT NULL)
