-- Blobs that no file names. A blob and its first file are made in one transaction, and a file goes only after the last
-- live batch that pins its blob, so whatever has no file is free.
SELECT blob.seq, blob.key FROM blob
WHERE NOT EXISTS (SELECT 1 FROM file WHERE file.blob_seq = blob.seq)
ORDER BY blob.seq LIMIT :limit
