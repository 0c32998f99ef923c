-- Of these leases, those that are over: their tasks have ended, went back, or are held anew.
SELECT given.value ->> 'seq' AS seq, given.value ->> 'epoch' AS epoch
FROM json_each(:items) AS given
LEFT JOIN task ON task.seq = given.value ->> 'seq' AND task.epoch = given.value ->> 'epoch' AND task.state = 2
WHERE task.seq IS NULL
