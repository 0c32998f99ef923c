-- Notes a try to deliver, before the lease is given up; a lost lease leaves no note.
INSERT INTO callback_attempt (callback_seq, epoch, started_at, took_ms, status_code, error, answer)
SELECT seq, epoch, :startedAt, :tookMs, :statusCode, :error, :answer
FROM callback WHERE seq = :seq AND epoch = :epoch AND state = 2
