-- Nothing that is in the lane now is given out any more. Whoever puts locks the lane before numbers are drawn, and so does
-- whoever clears: whatever comes later lies above.
SELECT COALESCE(MAX(seq), 0) AS seq FROM task;
UPDATE lane SET cleared_seq = :found WHERE seq = :laneSeq
