-- How many attempts, events and tries to tell of its end each of these tasks has: it may have very many.
SELECT given.value AS seq,
  (SELECT COUNT(*) FROM attempt WHERE task_seq = given.value) +
  (SELECT COUNT(*) FROM task_event WHERE task_seq = given.value) +
  (SELECT COUNT(*) FROM callback JOIN callback_attempt ON callback_seq = callback.seq
    WHERE callback.task_seq = given.value) AS total
FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given
