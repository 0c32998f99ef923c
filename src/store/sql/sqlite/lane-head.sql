-- The first tasks of a lane after `:after` that may be given out now. Lines of a batch that was stopped are left to the
-- sweep that settles them, tasks whose time is over to the one that expires them.
SELECT seq, epoch, enqueued_at AS enqueuedAt FROM task
WHERE lane_seq = :laneSeq AND state = 1 AND seq > :after
  AND (expires_at IS NULL OR expires_at > :now)
  AND (batch_seq IS NULL
    OR batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL))
ORDER BY seq LIMIT :limit
