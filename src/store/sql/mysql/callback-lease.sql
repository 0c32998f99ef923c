-- Leases due callbacks of one line; those that another server is about to lease are passed over.
SELECT seq, epoch + 1 AS epoch, id, tenant_seq AS tenantSeq, task_seq AS taskSeq, url, target, body, tries
FROM callback FORCE INDEX (ix_callback_target)
WHERE state = 1 AND tenant_seq = :tenantSeq AND target = :target AND available_at <= :now
ORDER BY available_at, seq
LIMIT :want
FOR UPDATE SKIP LOCKED;
UPDATE callback
SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, leased_at = :now
WHERE seq IN (:found)
