-- One single task, ready at once or at its time.
INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, type, endpoint, key_id, enqueued_at, available_at,
  expires_at, trace_id, callback_url)
VALUES (:id, :tenantSeq, :queueSeq, :laneSeq, :state, :mode, :type, :endpoint, :keyId, :now, :availableAt,
  :expiresAt, :traceId, :callbackUrl)
