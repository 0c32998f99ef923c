-- Notes tries to deliver, before the leases are given up; a lost lease leaves no note.
SELECT given.place, callback.seq
FROM JSON_TABLE(:items, '$[*]' COLUMNS (place FOR ORDINALITY, seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch')) AS given
STRAIGHT_JOIN callback FORCE INDEX (PRIMARY) ON callback.seq = given.seq
WHERE callback.epoch = given.epoch AND callback.state = 2
FOR UPDATE /*!80000 OF callback */;
INSERT INTO callback_attempt (callback_seq, epoch, started_at, took_ms, status_code, error, answer)
SELECT seq, epoch, startedAt, tookMs, statusCode, error, answer
FROM JSON_TABLE(:items, '$[*]' COLUMNS (seq BIGINT PATH '$.seq', epoch BIGINT PATH '$.epoch',
  startedAt BIGINT PATH '$.startedAt', tookMs BIGINT PATH '$.tookMs', statusCode BIGINT PATH '$.statusCode',
  error LONGTEXT PATH '$.error', answer LONGTEXT PATH '$.answer')) AS given
