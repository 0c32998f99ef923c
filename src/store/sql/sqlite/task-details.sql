-- Tasks by their rows, with what their owner or their worker may see; of one tenant, or of any when it is null. Bodies and
-- results only when asked (:isWhole = 1).
SELECT task.seq, task.id, task.epoch, task.state, task.mode, task.type, task.tries, task.losses, task.line,
  task.tenant_seq AS tenantSeq, task.queue_seq AS queueSeq, task.lane_seq AS laneSeq, task.batch_seq AS batchSeq,
  task.custom_id AS customId, task.key_id AS keyId, task.trace_id AS traceId, task.callback_url AS callbackUrl,
  task.enqueued_at AS enqueuedAt, task.available_at AS availableAt, task.leased_at AS leasedAt,
  task.lease_until AS leaseUntil, task.ended_at AS endedAt, task.status_code AS statusCode,
  task.body_offset AS bodyOffset, task.body_length AS bodyLength,
  COALESCE(task.endpoint, batch.endpoint) AS endpoint, COALESCE(task.expires_at, batch.expires_at) AS expiresAt,
  batch.id AS batchId, COALESCE(queue.name, deleted_lane.queue_name, '') AS queueName,
  COALESCE(lane.level, deleted_lane.level, 0) AS level,
  task_body.body, task_body.blob_key AS bodyBlobKey,
  task_result.task_seq AS resultSeq, task_result.request_id AS requestId, task_result.body AS resultBody,
  task_result.blob_key AS resultBlobKey, task_result.error_code AS errorCode, task_result.error_message AS errorMessage
FROM json_each(:seqs) AS wanted
JOIN task ON task.seq = wanted.value
LEFT JOIN lane ON lane.seq = task.lane_seq
LEFT JOIN queue ON queue.seq = task.queue_seq
LEFT JOIN deleted_lane ON queue.seq IS NULL AND deleted_lane.seq = task.lane_seq
LEFT JOIN batch ON batch.seq = task.batch_seq
LEFT JOIN task_body ON :isWhole = 1 AND task_body.task_seq = task.seq
LEFT JOIN task_result ON :isWhole = 1 AND task_result.task_seq = task.seq
WHERE :tenantSeq IS NULL OR task.tenant_seq = :tenantSeq
