-- Notes the attempt that is about to give up its lease, with who made it taken from the task; once, however often it is
-- given back in one transaction.
INSERT INTO attempt (task_seq, epoch, owner_seq, worker_seq, started_at, ended_at, outcome, status_code, detail)
SELECT seq, epoch, owner_seq, worker_seq, :startedAt, :now, :outcome, :statusCode, :detail
FROM task WHERE seq = :seq AND epoch = :epoch AND state = 2
  AND NOT EXISTS (SELECT 1 FROM attempt WHERE task_seq = :seq AND epoch = :epoch)
