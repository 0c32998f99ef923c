-- Moves the ends of leases on, of those that are still held with this epoch: by what they were given for, unless their holders
-- ask for more or less. One without an end gets one only from a holder who asks.
SELECT given.place, task.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
WHERE task.epoch = given.epoch AND task.state = 2
FOR UPDATE /*!80000 OF task */;
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', now BIGINT PATH '$.now',
  extendMs BIGINT PATH '$.extendMs')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
SET task.lease_until = COALESCE(given.now + given.extendMs, given.now + task.lease_ms, task.lease_until)
