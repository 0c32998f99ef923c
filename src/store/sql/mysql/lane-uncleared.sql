-- Lanes in whose cleared part something is ready: it came back, or its time came, after the lane was cleared.
SELECT lane.seq AS laneSeq FROM lane
WHERE lane.cleared_seq > 0 AND EXISTS (
  SELECT 1 FROM task WHERE task.lane_seq = lane.seq AND task.state = 1 AND task.seq <= lane.cleared_seq
    AND (task.batch_seq IS NULL
      OR task.batch_seq NOT IN (SELECT seq FROM batch WHERE outcome IS NOT NULL AND settled_at IS NULL)))
