-- Notes that the workers who hold these tasks are here, unless that has just been noted.
UPDATE worker SET last_seen_at = :now
WHERE seq IN (SELECT task.worker_seq FROM json_each(:seqs) AS held JOIN task ON task.seq = held.value)
  AND (last_seen_at <= :notedBefore OR last_seen_at > :now)
