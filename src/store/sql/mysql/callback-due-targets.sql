-- Origins that have due callbacks, whoever has waited longest first. The index gives each origin's first one in one look, so
-- that a long line at one of them costs no more than a short one.
SELECT target FROM (SELECT target, MIN(available_at) AS due_at FROM callback WHERE state = 1 GROUP BY target) AS waiting
WHERE due_at <= :now ORDER BY due_at, target
