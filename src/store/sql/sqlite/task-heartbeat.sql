-- Moves the end of a lease on, if it is still held with this epoch.
UPDATE task SET lease_until = CASE WHEN lease_ms IS NULL THEN lease_until ELSE :now + lease_ms END
WHERE seq = :seq AND epoch = :epoch AND state = 2
