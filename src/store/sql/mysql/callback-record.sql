-- Ends the leases of callbacks, of those that still have this epoch.
SELECT given.place, callback.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN callback FORCE INDEX (PRIMARY) ON callback.seq = given.seq
WHERE callback.epoch = given.epoch AND callback.state = 2
FOR UPDATE /*!80000 OF callback */;
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', state BIGINT PATH '$.state',
  availableAt BIGINT PATH '$.availableAt', tried BIGINT PATH '$.tried', endedAt BIGINT PATH '$.endedAt')) AS given
STRAIGHT_JOIN callback FORCE INDEX (PRIMARY) ON callback.seq = given.seq
SET callback.state = given.state, callback.available_at = COALESCE(given.availableAt, callback.available_at),
  callback.tries = callback.tries + given.tried, callback.owner_seq = NULL, callback.leased_at = NULL,
  callback.ended_at = given.endedAt
