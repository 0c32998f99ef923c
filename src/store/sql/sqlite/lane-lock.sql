-- The sequential lock of a lane is held by this lease from now on.
UPDATE lane SET locked_seq = :seq, locked_epoch = :epoch WHERE seq = :laneSeq
