-- Lines in which callbacks wait and when the first of each is due, tenant by tenant: of each the next :limit behind the line
-- that :passed names of it. The index gives each line's first one in one look, so that a long one costs no more than a short one.
SELECT tenant_seq AS tenantSeq, target, due_at AS dueAt FROM (
  SELECT line.*, ROW_NUMBER() OVER (PARTITION BY line.tenant_seq ORDER BY line.target) AS place
  FROM (
    SELECT tenant_seq, target, MIN(available_at) AS due_at FROM callback WHERE state = 1 GROUP BY tenant_seq, target
  ) AS line
  LEFT JOIN JSON_TABLE(:passed, '$[*]' COLUMNS (tenant_seq BIGINT PATH '$.tenantSeq', target VARCHAR(512) PATH '$.target'))
    AS passed ON passed.tenant_seq = line.tenant_seq
  WHERE passed.target IS NULL OR line.target > CONVERT(passed.target USING utf8mb4) COLLATE utf8mb4_bin
) AS page
WHERE place <= :limit ORDER BY tenant_seq, target
