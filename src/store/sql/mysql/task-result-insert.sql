-- The recorded answers of tasks. A redriven task gets a new one.
INSERT INTO task_result (task_seq, status_code, request_id, body, blob_key, error_code, error_message)
VALUES (:seq, :statusCode, :requestId, :body, :blobKey, :errorCode, :errorMessage)
ON DUPLICATE KEY UPDATE
  status_code = VALUES(status_code), request_id = VALUES(request_id), body = VALUES(body),
  blob_key = VALUES(blob_key), error_code = VALUES(error_code), error_message = VALUES(error_message)
