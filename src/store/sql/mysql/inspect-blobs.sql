-- Every blob that something visible refers to, after the one named; what was deleted and waits to be cleaned is left out.
SELECT `key`, MAX(bytes) AS bytes, MAX(sha256) AS sha256 FROM (
  SELECT `key`, bytes, sha256 FROM `blob` WHERE EXISTS (SELECT 1 FROM file WHERE blob_seq = `blob`.seq AND deleted_at IS NULL)
  UNION ALL
  SELECT `blob`.`key`, `blob`.bytes, `blob`.sha256 FROM batch JOIN `blob` ON `blob`.seq = input_blob_seq
    WHERE batch.state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
  UNION ALL
  SELECT blob_key, NULL, NULL FROM task_result WHERE blob_key IS NOT NULL
  UNION ALL
  SELECT blob_key, NULL, NULL FROM task_body WHERE blob_key IS NOT NULL
) AS named
GROUP BY `key` ORDER BY `key`
