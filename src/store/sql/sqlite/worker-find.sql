-- The row of a worker.
SELECT seq, last_seen_at AS lastSeenAt, lanes FROM worker WHERE tenant_seq = :tenantSeq AND name = :name
