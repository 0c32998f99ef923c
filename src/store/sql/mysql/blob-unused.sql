-- Blobs that no file names any more.
SELECT seq, `key` FROM `blob` WHERE unused_at IS NOT NULL ORDER BY seq LIMIT :limit
