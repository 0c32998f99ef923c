-- What a key stands for, if it is still remembered.
SELECT request_hash AS requestHash, subject_id AS subjectId FROM idempotency_key
WHERE tenant_seq = :tenantSeq AND scope = :scope AND `key` = :key AND expires_at > :now
