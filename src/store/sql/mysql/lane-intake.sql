-- What a put must know of a lane; no row when its queue was deleted meanwhile.
SELECT lane.queue_seq AS queueSeq, queue.name AS queueName, queue.max_depth AS maxDepth
FROM lane JOIN queue ON queue.seq = lane.queue_seq
WHERE lane.seq = :laneSeq
