-- The last group of this writer that reached the store.
SELECT mark FROM commit_mark WHERE writer = :writer
