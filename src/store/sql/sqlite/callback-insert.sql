-- The callback of a task that has just ended, if it wants one. The origin is what stands before the first slash after the
-- host; every stored URL has one.
INSERT INTO callback (id, tenant_seq, task_seq, url, target, state, available_at, created_at)
SELECT :id, tenant_seq, seq, callback_url, substr(callback_url, 1, 7 + instr(substr(callback_url, 9), '/')), 1, :now, :now
FROM task WHERE seq = :taskSeq AND callback_url IS NOT NULL
