-- What a tenant may have queued and has queued (see line-usage); no row for a tenant without such a quota.
SELECT tenant.name AS tenant, tenant.max_queued_lines AS max,
  (SELECT COALESCE(SUM(total - completed - failed), 0) FROM batch
   WHERE tenant_seq = tenant.seq AND state = 'in_progress'
     AND state IN ('validating', 'in_progress', 'finalizing', 'cancelling')) AS used
FROM tenant
WHERE tenant.seq = :tenantSeq AND tenant.max_queued_lines IS NOT NULL
