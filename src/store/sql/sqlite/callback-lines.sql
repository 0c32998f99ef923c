-- Lines in which callbacks wait and when the first of each is due, tenant by tenant: of each the next :limit behind the line
-- that :passed names of it. Jumps from line to line through the index, so that a long one costs no more than a short one. Each
-- tenant begins with a row of its own, at place 0.
WITH RECURSIVE line (tenant_seq, target, due_at, place) AS (
  SELECT tenant_seq,
    COALESCE((SELECT value ->> 'target' FROM json_each(:passed) WHERE value ->> 'tenantSeq' = tenant_seq), ''), NULL, 0
  FROM (SELECT tenant_seq FROM callback WHERE state = 1 ORDER BY tenant_seq LIMIT 1)
  UNION ALL
  SELECT c.tenant_seq,
    CASE WHEN c.tenant_seq = line.tenant_seq THEN c.target ELSE
      COALESCE((SELECT value ->> 'target' FROM json_each(:passed) WHERE value ->> 'tenantSeq' = c.tenant_seq), '') END,
    c.available_at,
    CASE WHEN c.tenant_seq = line.tenant_seq THEN line.place + 1 ELSE 0 END
  FROM line JOIN callback c ON c.seq = COALESCE(
    (
      SELECT n.seq FROM callback n
      WHERE n.state = 1 AND n.tenant_seq = line.tenant_seq AND n.target > line.target AND line.place < :limit
      ORDER BY n.target, n.available_at LIMIT 1
    ),
    (
      SELECT n.seq FROM callback n WHERE n.state = 1 AND n.tenant_seq > line.tenant_seq
      ORDER BY n.tenant_seq, n.target, n.available_at LIMIT 1
    )
  )
)
SELECT tenant_seq AS tenantSeq, target, due_at AS dueAt FROM line WHERE place > 0
