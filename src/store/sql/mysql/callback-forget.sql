-- Forgets a callback that has ended, unless it was asked for again meanwhile.
DELETE FROM callback WHERE seq = :seq AND state > 2
