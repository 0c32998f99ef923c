-- Leases of one instance, or, where none is named, of all but the one that asks; until a time, if one is given, and but
-- for those that are known. Their lanes are locked before they are looked at in earnest.
SELECT DISTINCT lane_seq AS seq FROM (
  SELECT lane_seq FROM task
  WHERE state = 2 AND owner_seq IS NOT NULL AND (:ownerSeq IS NULL OR owner_seq <> :ownerSeq) AND (:deadSeq IS NULL OR owner_seq = :deadSeq)
    AND (:leasedUntil IS NULL OR leased_at <= :leasedUntil)
    AND seq NOT IN (SELECT value FROM JSON_TABLE(:known, '$[*]' COLUMNS (value BIGINT PATH '$')) AS known)
  LIMIT :limit
) AS lost;
SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (:found) ORDER BY seq FOR UPDATE;
SELECT seq, epoch, lane_seq AS laneSeq, batch_seq AS batchSeq, leased_at AS leasedAt, losses,
  mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard
FROM task
WHERE state = 2 AND owner_seq IS NOT NULL AND (:ownerSeq IS NULL OR owner_seq <> :ownerSeq) AND lane_seq IN (:found)
  AND (:deadSeq IS NULL OR owner_seq = :deadSeq) AND (:leasedUntil IS NULL OR leased_at <= :leasedUntil)
  AND seq NOT IN (SELECT value FROM JSON_TABLE(:known, '$[*]' COLUMNS (value BIGINT PATH '$')) AS known)
LIMIT :limit
