-- The one recorded answer of a task. A redriven task gets a new one.
INSERT INTO task_result (task_seq, status_code, request_id, body, blob_key, error_code, error_message)
VALUES (:seq, :statusCode, :requestId, :body, :blobKey, :errorCode, :errorMessage)
ON CONFLICT (task_seq) DO UPDATE SET
  status_code = excluded.status_code, request_id = excluded.request_id, body = excluded.body,
  blob_key = excluded.blob_key, error_code = excluded.error_code, error_message = excluded.error_message
