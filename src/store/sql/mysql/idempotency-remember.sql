-- Remembers what a key stands for; one whose time is over, or whose task is the given forgotten one, starts anew. A live one,
-- which another server has written since it was looked for, is a duplicate that fails: the whole group is run again then, and
-- finds it.
DELETE FROM idempotency_key WHERE tenant_seq = :tenantSeq AND scope = :scope AND `key` = :key
  AND (expires_at <= :now OR subject_id = :forgottenId);
INSERT INTO idempotency_key (tenant_seq, scope, `key`, request_hash, subject_id, expires_at)
VALUES (:tenantSeq, :scope, :key, :requestHash, :subjectId, :expiresAt)
