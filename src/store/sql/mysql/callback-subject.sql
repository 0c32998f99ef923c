-- What a callback tells of: a task, its name and what was recorded of it.
SELECT t.id, b.id AS batchId, t.line, t.state, r.status_code AS statusCode, r.request_id AS requestId, r.body,
  r.blob_key AS blobKey, r.error_code AS errorCode, r.error_message AS errorMessage
FROM task t
LEFT JOIN batch b ON b.seq = t.batch_seq
LEFT JOIN task_result r ON r.task_seq = t.seq
WHERE t.seq = :taskSeq
