-- The row of a worker.
SELECT seq FROM worker WHERE tenant_seq = :tenantSeq AND name = :name
