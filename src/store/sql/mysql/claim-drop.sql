-- Gives a claim up.
DELETE FROM leader WHERE name = :name AND instance_seq = :instanceSeq
