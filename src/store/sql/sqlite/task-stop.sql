-- Ends a task that has not ended, whatever it is doing.
UPDATE task SET state = :state, ended_at = :now WHERE seq = :seq AND state < 3
