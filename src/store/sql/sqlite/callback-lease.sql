-- Leases due callbacks of one line.
UPDATE callback
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, leased_at = :now
WHERE seq IN (
  SELECT seq FROM callback
  WHERE state = 1 AND tenant_seq = :tenantSeq AND target = :target AND available_at <= :now
  ORDER BY available_at, seq
  LIMIT :want
)
RETURNING seq, epoch, id, tenant_seq AS tenantSeq, task_seq AS taskSeq, url, target, body, tries
