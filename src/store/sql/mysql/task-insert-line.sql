-- One line of a batch as a ready task; its body stays in the input blob.
INSERT INTO task (tenant_seq, queue_seq, lane_seq, state, mode, batch_seq, line, custom_id, body_offset, body_length,
  enqueued_at)
VALUES (:tenantSeq, :queueSeq, :laneSeq, 1, 'batch', :batchSeq, :line, :customId, :bodyOffset, :bodyLength, :now)
