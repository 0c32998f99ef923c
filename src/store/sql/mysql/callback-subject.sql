-- What a leased callback tells of: a task that has ended, its name and what was recorded of it. No row when the callback was
-- withdrawn meanwhile.
SELECT t.id, b.id AS batchId, t.line, t.state, r.status_code AS statusCode, r.request_id AS requestId, r.body,
  r.blob_key AS blobKey, r.error_code AS errorCode, r.error_message AS errorMessage
FROM callback c
JOIN task t ON t.seq = c.task_seq
LEFT JOIN batch b ON b.seq = t.batch_seq
LEFT JOIN task_result r ON r.task_seq = t.seq
WHERE c.seq = :seq AND c.epoch = :epoch AND c.state = 2 AND t.state > 2
