-- Makes scheduled tasks whose time has come ready, the longest due first.
UPDATE task SET state = 1, available_at = NULL
WHERE seq IN (SELECT seq FROM task WHERE state = 0 AND available_at <= :now ORDER BY available_at LIMIT :limit)
RETURNING lane_seq AS laneSeq
