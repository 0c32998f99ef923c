-- Leased tasks by their rows, with what their worker may see and where their bodies are; others have no row.
SELECT task.seq, task.id, task.epoch, task.mode, task.type, task.tries, task.line, task.lane_seq AS laneSeq,
  task.batch_seq AS batchSeq, task.custom_id AS customId, task.key_id AS keyId, task.trace_id AS traceId,
  task.callback_url AS callbackUrl, task.enqueued_at AS enqueuedAt, task.lease_until AS leaseUntil,
  task.body_offset AS bodyOffset, task.body_length AS bodyLength,
  COALESCE(task.endpoint, batch.endpoint) AS endpoint, COALESCE(task.expires_at, batch.expires_at) AS expiresAt,
  batch.id AS batchId, task_body.body, task_body.blob_key AS bodyBlobKey
FROM json_each(:seqs) AS wanted
JOIN task ON task.seq = wanted.value
LEFT JOIN batch ON batch.seq = task.batch_seq
LEFT JOIN task_body ON task_body.task_seq = task.seq
WHERE task.state = 2
