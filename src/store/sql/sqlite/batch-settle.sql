-- Ends the live lines in one window of a stopped batch; those being run only when asked (:leased = 1).
UPDATE task SET state = :state, ended_at = :now
WHERE batch_seq = :batchSeq AND line > :after AND line <= :until
  AND (state IN (0, 1) OR (state = 2 AND :leased = 1))
RETURNING lane_seq AS laneSeq
