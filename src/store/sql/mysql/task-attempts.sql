-- The attempts of tasks that failed or lost their lease, in their order.
SELECT attempt.task_seq AS taskSeq, attempt.epoch, worker.name AS workerName, attempt.started_at AS startedAt,
  attempt.ended_at AS endedAt, attempt.outcome, attempt.status_code AS statusCode, attempt.detail
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS wanted
STRAIGHT_JOIN attempt ON attempt.task_seq = wanted.value
LEFT JOIN worker ON worker.seq = attempt.worker_seq
ORDER BY attempt.seq LIMIT :limit
