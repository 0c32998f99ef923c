-- Tasks whose time is over, the longest first. One that runs holds room where its queue has a limit, or its lane the lock.
SELECT task.seq, task.id, task.epoch, task.lane_seq AS laneSeq, task.owner_seq AS ownerSeq, task.state,
  task.leased_at AS leasedAt, task.callback_url IS NOT NULL AS hasCallback,
  task.state = 2 AND (queue.max_concurrency IS NOT NULL OR COALESCE(lane.locked_seq = task.seq, 0)) AS holdsRoom
FROM task
LEFT JOIN lane ON lane.seq = task.lane_seq
LEFT JOIN queue ON queue.seq = task.queue_seq
WHERE task.state < 3 AND task.expires_at IS NOT NULL AND task.expires_at <= :now
ORDER BY task.expires_at LIMIT :limit
