-- Remembers what a key stands for; one whose time is over, or whose task is forgotten, starts anew.
INSERT INTO idempotency_key (tenant_seq, scope, key, request_hash, subject_id, expires_at)
VALUES (:tenantSeq, :scope, :key, :requestHash, :subjectId, :expiresAt)
ON CONFLICT (tenant_seq, scope, key) DO UPDATE SET
  request_hash = excluded.request_hash, subject_id = excluded.subject_id, expires_at = excluded.expires_at
