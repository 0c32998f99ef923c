-- A later answer of a task that was completed before, in a queue where the last one counts.
UPDATE task SET status_code = :statusCode, ended_at = :now WHERE seq = :seq AND state = 3
