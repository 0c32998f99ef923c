-- Notes the attempts that are about to give up their leases, with who made them taken from the task; once, however often one
-- is given back in one transaction.
SELECT given.place, task.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN task ON task.seq = given.seq
WHERE task.epoch = given.epoch AND task.state = 2
  AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.task_seq = given.seq AND attempt.epoch = given.epoch);
INSERT INTO attempt (task_seq, epoch, owner_seq, worker_seq, started_at, ended_at, outcome, status_code, detail)
SELECT task.seq, task.epoch, task.owner_seq, task.worker_seq, given.startedAt, given.now, given.outcome, given.statusCode,
  given.detail
FROM JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', startedAt BIGINT PATH '$.startedAt',
  now BIGINT PATH '$.now', outcome VARCHAR(255) PATH '$.outcome', statusCode BIGINT PATH '$.statusCode',
  detail LONGTEXT PATH '$.detail')) AS given
STRAIGHT_JOIN task ON task.seq = given.seq
