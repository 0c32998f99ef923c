-- Of these leases, those that are over: their tasks have ended, went back, or are held anew.
SELECT given.seq, given.epoch
FROM JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
LEFT JOIN task FORCE INDEX (PRIMARY) ON task.seq = given.seq AND task.epoch = given.epoch AND task.state = 2
WHERE task.seq IS NULL
