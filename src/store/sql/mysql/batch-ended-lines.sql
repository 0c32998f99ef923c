-- One page of a batch's lines with their results, in the order of the input file.
SELECT task.line, task.custom_id AS customId, task.state, task_result.status_code AS statusCode,
  task_result.request_id AS requestId, task_result.body, task_result.blob_key AS blobKey,
  task_result.error_code AS errorCode, task_result.error_message AS errorMessage
FROM task LEFT JOIN task_result ON task_result.task_seq = task.seq
WHERE task.batch_seq = :batchSeq AND task.line > :after AND task.line <= :until
ORDER BY task.line
