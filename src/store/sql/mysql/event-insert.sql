-- Events of one flush. Those that are stored already, by a write of which nobody heard, stay as they are.
INSERT INTO task_event (task_seq, n, epoch, events, created_at) VALUES (:taskSeq, :n, :epoch, :events, :now)
ON DUPLICATE KEY UPDATE n = VALUES(n)
