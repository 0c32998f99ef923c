-- Adds to the lanes' totals. The index is forced here and wherever rows are locked: of few rows the planner reads all, and
-- waits for those that others hold, out of order.
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', put BIGINT PATH '$.put', taken BIGINT PATH '$.taken',
  completed BIGINT PATH '$.completed', failed BIGINT PATH '$.failed', expired BIGINT PATH '$.expired',
  cancelled BIGINT PATH '$.cancelled')) AS given
STRAIGHT_JOIN lane FORCE INDEX (PRIMARY) ON lane.seq = given.seq
SET lane.put_count = lane.put_count + given.put,
  lane.taken_count = lane.taken_count + given.taken,
  lane.completed_count = lane.completed_count + given.completed,
  lane.failed_count = lane.failed_count + given.failed,
  lane.expired_count = lane.expired_count + given.expired,
  lane.cancelled_count = lane.cancelled_count + given.cancelled
