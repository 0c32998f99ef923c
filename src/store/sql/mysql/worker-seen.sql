-- Notes that a worker was here.
INSERT INTO worker (tenant_seq, name, capacity, created_at, last_seen_at)
VALUES (:tenantSeq, :name, :capacity, :now, :now)
ON DUPLICATE KEY UPDATE capacity = VALUES(capacity), last_seen_at = VALUES(last_seen_at)
