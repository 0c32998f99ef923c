-- The lanes in which lines in one window of a batch are ready, each once.
SELECT DISTINCT lane_seq AS laneSeq FROM task
WHERE batch_seq = :batchSeq AND line > :after AND line <= :until AND state = 1
