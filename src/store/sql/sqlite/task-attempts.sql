-- The last few attempts of each of these tasks that failed or lost their lease, in their order, and how many each has.
SELECT attempt.task_seq AS taskSeq, attempt.epoch, worker.name AS workerName, attempt.started_at AS startedAt,
  attempt.ended_at AS endedAt, attempt.outcome, attempt.status_code AS statusCode, attempt.detail, known.total
FROM (
  SELECT attempt.seq, COUNT(*) OVER (PARTITION BY task_seq) AS total,
    ROW_NUMBER() OVER (PARTITION BY task_seq ORDER BY attempt.seq DESC) AS age
  FROM json_each(:seqs) AS wanted
  JOIN attempt ON attempt.task_seq = wanted.value
) AS known
JOIN attempt ON attempt.seq = known.seq
LEFT JOIN worker ON worker.seq = attempt.worker_seq
WHERE known.age <= :limit
ORDER BY attempt.seq
