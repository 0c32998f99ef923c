-- Forgets hidden files, except those whose blob is the input of a batch that is still going; says which blobs they named.
SELECT file.seq, file.blob_seq AS blobSeq FROM file
WHERE file.deleted_at IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM batch
    WHERE batch.input_blob_seq = file.blob_seq
      AND batch.state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
  )
ORDER BY file.deleted_at LIMIT :limit;
DELETE FROM file WHERE seq IN (:found)
