-- The callbacks of tasks that have just ended, of those that want one. The origin is what stands before the first slash after
-- the host; every stored URL has one.
INSERT INTO callback (id, tenant_seq, task_seq, url, target, state, available_at, created_at)
SELECT given.id, task.tenant_seq, task.seq, task.callback_url,
  SUBSTRING(task.callback_url, 1, 7 + INSTR(SUBSTRING(task.callback_url, 9), '/')), 1, given.now, given.now
FROM JSON_TABLE(:items, '$[*]' COLUMNS (id VARCHAR(255) PATH '$.id', taskSeq BIGINT PATH '$.taskSeq',
  now BIGINT PATH '$.now')) AS given
STRAIGHT_JOIN task ON task.seq = given.taskSeq
WHERE task.callback_url IS NOT NULL
