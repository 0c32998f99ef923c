-- Lines of a tenant's running batches that have not ended, told by the batches so that no task is counted. The list of
-- states is that of the index.
SELECT COALESCE(SUM(total - completed - failed), 0) AS `lines` FROM batch
WHERE tenant_seq = :tenantSeq AND state = 'in_progress'
  AND state IN ('validating', 'in_progress', 'finalizing', 'cancelling')
