-- Ends leased tasks, of those that are still leased with this epoch.
SELECT given.place, task.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
WHERE task.epoch = given.epoch AND task.state = 2
FOR UPDATE /*!80000 OF task */;
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', state BIGINT PATH '$.state',
  statusCode BIGINT PATH '$.statusCode', tried BIGINT PATH '$.tried', now BIGINT PATH '$.now')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
SET task.state = given.state, task.status_code = given.statusCode, task.tries = task.tries + given.tried, task.ended_at = given.now
