-- The task that a key stands for, if the key is still remembered, and whether the task is.
SELECT request_hash AS requestHash, subject_id AS subjectId,
  EXISTS (SELECT 1 FROM task WHERE task.id = idempotency_key.subject_id) AS isThere
FROM idempotency_key
WHERE tenant_seq = :tenantSeq AND scope = :scope AND key = :key AND expires_at > :now
