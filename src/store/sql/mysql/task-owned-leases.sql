-- How many tasks of each lane these instances have leased: a look along all that is leased, which is short.
SELECT owner_seq AS ownerSeq, lane_seq AS laneSeq, COUNT(*) AS leased FROM task
WHERE state = 2 AND owner_seq IN (SELECT value FROM JSON_TABLE(:ownerSeqs, '$[*]' COLUMNS (value BIGINT PATH '$')) AS given)
GROUP BY owner_seq, lane_seq
