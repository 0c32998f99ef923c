-- What a tenant's visible files come to.
SELECT COUNT(*) AS files, COALESCE(SUM(bytes), 0) AS bytes FROM file
WHERE tenant_seq = :tenantSeq AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
