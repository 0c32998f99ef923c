-- Marks a blob whose last file is gone. A file goes only after the last live batch that pins its blob, so nothing needs it.
UPDATE `blob` SET unused_at = :now
WHERE seq = :seq AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob_seq = :seq)
