-- Tasks whose time is over, the longest first.
SELECT seq, id, lane_seq AS laneSeq, owner_seq AS ownerSeq, state, callback_url IS NOT NULL AS hasCallback
FROM task
WHERE state < 3 AND expires_at IS NOT NULL AND expires_at <= :now
ORDER BY expires_at LIMIT :limit
