-- Events of one flush.
INSERT INTO task_event (task_seq, n, epoch, events, created_at) VALUES (:taskSeq, :n, :epoch, :events, :now)
