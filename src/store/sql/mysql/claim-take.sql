-- A claim is free when its time is over or its holder has ended. `term` rises with each change of hands; it is set first,
-- because here what is set counts at once.
UPDATE leader SET
  term = term + CASE WHEN instance_seq = :instanceSeq THEN 0 ELSE 1 END,
  instance_seq = :instanceSeq,
  until_at = :until
WHERE name = :name AND (
  instance_seq = :instanceSeq
  OR until_at <= :now
  OR NOT EXISTS (SELECT 1 FROM instance WHERE seq = leader.instance_seq AND ended_at IS NULL)
)
