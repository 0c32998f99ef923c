-- Notes that a worker was here, and for what.
INSERT INTO worker (tenant_seq, name, capacity, lanes, created_at, last_seen_at)
VALUES (:tenantSeq, :name, :capacity, :lanes, :now, :now)
ON DUPLICATE KEY UPDATE capacity = VALUES(capacity), lanes = VALUES(lanes), last_seen_at = VALUES(last_seen_at)
