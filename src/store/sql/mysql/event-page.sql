-- The rows that hold a task's events after the one with number `:after`, in order.
SELECT n, events FROM task_event WHERE task_seq = :taskSeq AND n > :after ORDER BY n LIMIT :limit
