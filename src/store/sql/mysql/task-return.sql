-- Puts leased tasks back into their places, of those that are still leased with this epoch.
SELECT given.place, task.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
WHERE task.epoch = given.epoch AND task.state = 2
FOR UPDATE /*!80000 OF task */;
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', state BIGINT PATH '$.state',
  availableAt BIGINT PATH '$.availableAt', tried BIGINT PATH '$.tried', lost BIGINT PATH '$.lost')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
SET task.state = given.state, task.available_at = given.availableAt, task.tries = task.tries + given.tried,
  task.losses = task.losses + given.lost, task.owner_seq = NULL, task.worker_seq = NULL, task.lease_until = NULL
