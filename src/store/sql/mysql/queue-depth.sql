-- Tasks of a queue that wait, on all its levels: those that have not ended, told by the lanes' totals so that no task is
-- counted, without those that are leased.
SELECT
  (SELECT COALESCE(SUM(put_count - completed_count - failed_count - expired_count - cancelled_count), 0)
   FROM lane WHERE queue_seq = :queueSeq)
  - (SELECT COUNT(*) FROM lane JOIN task ON task.lane_seq = lane.seq
     WHERE lane.queue_seq = :queueSeq AND task.state = 2) AS depth
