-- Tasks that wait for a time in a cleared part of a lane; those of a batch that was stopped are left to the sweep that settles them.
SELECT task.seq, task.id, task.lane_seq AS laneSeq, task.batch_seq AS batchSeq,
  task.callback_url IS NOT NULL AS hasCallback
FROM lane JOIN task ON task.lane_seq = lane.seq
WHERE lane.seq = :laneSeq AND task.state = 0 AND task.seq <= lane.cleared_seq
  AND (task.batch_seq IS NULL
    OR task.batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL))
LIMIT :limit
