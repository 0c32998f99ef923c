-- The sequential locks of lanes are held by these leases from now on.
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (laneSeq BIGINT PATH '$.laneSeq', seq BIGINT PATH '$.seq',
  epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN lane FORCE INDEX (PRIMARY) ON lane.seq = given.laneSeq
SET lane.locked_seq = given.seq, lane.locked_epoch = given.epoch
