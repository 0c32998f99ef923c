-- Lines of batches by [batch id, line], with what decides about them; unknown ones have no row.
SELECT wanted.place - 1 AS place, task.seq, task.id, task.epoch, task.state, task.mode, task.tries, task.tenant_seq AS tenantSeq,
  task.lane_seq AS laneSeq, task.batch_seq AS batchSeq, task.owner_seq AS ownerSeq, task.leased_at AS leasedAt,
  task.callback_url IS NOT NULL AS hasCallback,
  queue.max_concurrency IS NOT NULL OR COALESCE(lane.locked_seq = task.seq, 0) AS holdsRoom,
  COALESCE(queue.tenant_seq, (SELECT tenant_seq FROM deleted_lane WHERE seq = task.lane_seq)) AS queueTenantSeq,
  queue.completion_rule AS completionRule, queue.retry_policy AS retryPolicy,
  task.mode = 'streaming' AND EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq) AS isHeard
FROM JSON_TABLE(:keys, '$[*]' COLUMNS (place FOR ORDINALITY, batch_id VARCHAR(255) PATH '$[0]', line BIGINT PATH '$[1]')) AS wanted
STRAIGHT_JOIN batch ON batch.id = CONVERT(wanted.batch_id USING utf8mb4) COLLATE utf8mb4_bin
STRAIGHT_JOIN task ON task.batch_seq = batch.seq AND task.line = wanted.line
LEFT JOIN lane ON lane.seq = task.lane_seq
LEFT JOIN queue ON queue.seq = task.queue_seq
