-- The rows that hold a task's events after the one with number `:after`, in order, until they have `:bytes` together.
SELECT held.n, held.events
FROM (
  SELECT n, SUM(bytes) OVER (ORDER BY n) - bytes AS bytesBefore
  FROM (
    SELECT n, LENGTH(events) AS bytes FROM task_event WHERE task_seq = :taskSeq AND n > :after ORDER BY n LIMIT :limit
  ) AS lengths
) AS page
STRAIGHT_JOIN task_event AS held ON held.task_seq = :taskSeq AND held.n = page.n
WHERE page.bytesBefore < :bytes
ORDER BY held.n
