-- Moves the end of a lease on, if it is still held with this epoch: by what it was given for, unless its holder asks for more
-- or less. One without an end gets one only from a holder who asks.
UPDATE task SET lease_until = COALESCE(:now + :extendMs, :now + lease_ms, lease_until)
WHERE seq = :seq AND epoch = :epoch AND state = 2
