-- Notes that a worker was here.
INSERT INTO worker (tenant_seq, name, capacity, created_at, last_seen_at)
VALUES (:tenantSeq, :name, :capacity, :now, :now)
ON CONFLICT (tenant_seq, name) DO UPDATE SET capacity = excluded.capacity, last_seen_at = excluded.last_seen_at
