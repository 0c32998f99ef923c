-- Tasks whose time is over, the longest first. Their lanes are locked before they are looked at in earnest: a holder may just
-- be ending one.
SELECT DISTINCT lane_seq AS seq FROM (
  SELECT lane_seq FROM task FORCE INDEX (ix_task_expiry)
  WHERE state IN (0, 1, 2) AND expires_at IS NOT NULL AND expires_at <= :now
  ORDER BY expires_at LIMIT :limit
) AS expired;
SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (:found) ORDER BY seq FOR UPDATE;
SELECT seq, id, lane_seq AS laneSeq, owner_seq AS ownerSeq, state, callback_url IS NOT NULL AS hasCallback
FROM task FORCE INDEX (ix_task_expiry)
WHERE state IN (0, 1, 2) AND expires_at IS NOT NULL AND expires_at <= :now AND lane_seq IN (:found)
ORDER BY expires_at LIMIT :limit
