-- Nothing that is in the lane now is given out any more. Numbers are drawn in order, so whatever comes later lies above.
UPDATE lane SET cleared_seq = (SELECT COALESCE(MAX(seq), 0) FROM task) WHERE seq = :laneSeq
