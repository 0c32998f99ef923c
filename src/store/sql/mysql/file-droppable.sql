-- A hidden file whose blob is not the input of a batch that is still going, if there is any.
SELECT file.seq FROM file
WHERE file.deleted_at IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM batch
    WHERE batch.input_blob_seq = file.blob_seq
      AND batch.state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
  )
LIMIT 1
