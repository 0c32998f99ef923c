-- Lines that have due callbacks, whoever has waited longest first, and of each tenant no more than :limit. The index gives
-- each line's first one in one look, so that a long one costs no more than a short one.
SELECT tenant_seq AS tenantSeq, target FROM (
  SELECT head.*, ROW_NUMBER() OVER (PARTITION BY tenant_seq ORDER BY due_at, target) AS place
  FROM (
    SELECT tenant_seq, target, MIN(available_at) AS due_at FROM callback WHERE state = 1 GROUP BY tenant_seq, target
  ) AS head
  WHERE due_at <= :now
) AS due
WHERE place <= :limit ORDER BY due_at, tenant_seq, target
