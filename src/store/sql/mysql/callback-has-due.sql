-- Whether a callback's time has come.
SELECT seq FROM callback WHERE state = 1 AND available_at <= :now LIMIT 1
