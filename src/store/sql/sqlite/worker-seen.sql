-- Notes that a worker was here, and for what.
INSERT INTO worker (tenant_seq, name, capacity, lanes, created_at, last_seen_at)
VALUES (:tenantSeq, :name, :capacity, :lanes, :now, :now)
ON CONFLICT (tenant_seq, name) DO UPDATE SET
  capacity = excluded.capacity, lanes = excluded.lanes, last_seen_at = excluded.last_seen_at
