-- Ends a leased task, if it is still leased with this epoch.
UPDATE task
SET state = :state, status_code = :statusCode, tries = tries + :tried, ended_at = :now
WHERE seq = :seq AND epoch = :epoch AND state = 2
