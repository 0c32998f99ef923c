-- How many failed single tasks a queue has now. Counted from the index alone.
SELECT COUNT(*) AS failed FROM task WHERE queue_seq = :queueSeq AND state = 4 AND batch_seq IS NULL
