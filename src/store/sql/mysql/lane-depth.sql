-- What waits in a lane and what runs, counted from the tasks themselves.
SELECT
  (SELECT COUNT(*) FROM task WHERE lane_seq = :laneSeq AND state = 1) AS ready,
  (SELECT COUNT(*) FROM task WHERE lane_seq = :laneSeq AND state = 0) AS scheduled,
  (SELECT COUNT(*) FROM task WHERE lane_seq = :laneSeq AND state = 2) AS leased,
  (SELECT enqueued_at FROM task WHERE lane_seq = :laneSeq AND state = 1 ORDER BY seq LIMIT 1) AS oldestReadyAt
