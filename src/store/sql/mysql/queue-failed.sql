-- The failed single tasks of a queue after one, in their order.
SELECT seq, id FROM task WHERE queue_seq = :queueSeq AND state = 4 AND batch_seq IS NULL AND seq > :afterSeq
ORDER BY seq LIMIT :limit
