-- Origins that have due callbacks, whoever has waited longest first. Jumps from origin to origin through the index, so that
-- a long line at one of them costs no more than a short one.
WITH RECURSIVE waiting (target) AS (
  SELECT MIN(target) FROM callback WHERE state = 1
  UNION ALL
  SELECT (SELECT MIN(c.target) FROM callback c WHERE c.state = 1 AND c.target > waiting.target)
  FROM waiting WHERE waiting.target IS NOT NULL
), due (target, due_at) AS (
  SELECT target, (SELECT MIN(c.available_at) FROM callback c WHERE c.state = 1 AND c.target = waiting.target)
  FROM waiting WHERE target IS NOT NULL
)
SELECT target FROM due WHERE due_at <= :now ORDER BY due_at, target
