-- Tasks whose time is over, the longest first. Their lanes are locked before they are looked at in earnest: a holder may just
-- be ending one. One that runs holds room where its queue has a limit, or its lane the lock.
SELECT DISTINCT lane_seq AS seq FROM (
  SELECT lane_seq FROM task FORCE INDEX (ix_task_expiry)
  WHERE state IN (0, 1, 2) AND expires_at IS NOT NULL AND expires_at <= :now
  ORDER BY expires_at LIMIT :limit
) AS expired;
SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (:found) ORDER BY seq FOR UPDATE;
SELECT task.seq, task.id, task.epoch, task.lane_seq AS laneSeq, task.owner_seq AS ownerSeq, task.state,
  task.leased_at AS leasedAt, task.callback_url IS NOT NULL AS hasCallback,
  task.state = 2 AND (queue.max_concurrency IS NOT NULL OR COALESCE(lane.locked_seq = task.seq, 0)) AS holdsRoom
FROM task FORCE INDEX (ix_task_expiry)
LEFT JOIN lane ON lane.seq = task.lane_seq
LEFT JOIN queue ON queue.seq = task.queue_seq
WHERE task.state IN (0, 1, 2) AND task.expires_at IS NOT NULL AND task.expires_at <= :now AND task.lane_seq IN (:found)
ORDER BY task.expires_at LIMIT :limit
