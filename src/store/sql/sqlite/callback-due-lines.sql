-- Lines that have due callbacks, whoever has waited longest first, and of each tenant no more than :limit. Jumps from line to
-- line through the index, so that a long one costs no more than a short one.
WITH RECURSIVE head (tenant_seq, target, due_at) AS (
  SELECT * FROM (
    SELECT tenant_seq, target, available_at FROM callback
    WHERE state = 1 ORDER BY tenant_seq, target, available_at LIMIT 1
  )
  UNION ALL
  SELECT c.tenant_seq, c.target, c.available_at FROM head JOIN callback c ON c.seq = COALESCE(
    (
      SELECT n.seq FROM callback n WHERE n.state = 1 AND n.tenant_seq = head.tenant_seq AND n.target > head.target
      ORDER BY n.target, n.available_at LIMIT 1
    ),
    (
      SELECT n.seq FROM callback n WHERE n.state = 1 AND n.tenant_seq > head.tenant_seq
      ORDER BY n.tenant_seq, n.target, n.available_at LIMIT 1
    )
  )
), due AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY tenant_seq ORDER BY due_at, target) AS place FROM head WHERE due_at <= :now
)
SELECT tenant_seq AS tenantSeq, target FROM due WHERE place <= :limit ORDER BY due_at, tenant_seq, target
