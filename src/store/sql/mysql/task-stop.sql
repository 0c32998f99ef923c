-- Ends tasks that have not ended, whatever they are doing.
SELECT given.place, task.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
WHERE task.state < 3
FOR UPDATE /*!80000 OF task */;
UPDATE JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', state BIGINT PATH '$.state', now BIGINT PATH '$.now')) AS given
STRAIGHT_JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq
SET task.state = given.state, task.ended_at = given.now
