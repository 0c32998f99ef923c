-- The last group of this writer that reached the store. Waits for the end of a transaction that still holds the mark.
SELECT mark FROM commit_mark WHERE writer = :writer FOR UPDATE
