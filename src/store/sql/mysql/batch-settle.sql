-- Ends the live lines in one window of a stopped batch; those being run only when asked (:leased = 1). Their lanes are locked
-- before them, as whoever leases or ends tasks does.
SELECT DISTINCT lane_seq AS seq FROM task
WHERE batch_seq = :batchSeq AND line > :after AND line <= :until AND state < 3;
SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (:found) ORDER BY seq FOR UPDATE;
SELECT seq, lane_seq AS laneSeq FROM task
WHERE batch_seq = :batchSeq AND line > :after AND line <= :until
  AND (state IN (0, 1) OR (state = 2 AND :leased = 1))
FOR UPDATE;
UPDATE task SET state = :state, ended_at = :now WHERE seq IN (:found)
