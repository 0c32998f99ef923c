-- Makes scheduled tasks whose time has come ready, the longest due first; those that somebody is just changing are passed over.
SELECT seq, lane_seq AS laneSeq FROM task WHERE state = 0 AND available_at <= :now ORDER BY available_at LIMIT :limit
FOR UPDATE SKIP LOCKED;
UPDATE task SET state = 1, available_at = NULL WHERE seq IN (:found)
