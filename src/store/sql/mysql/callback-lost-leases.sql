-- Leases of other instances that are dead: those that were not heard of since :aliveSince, or have ended.
SELECT seq, epoch, leased_at AS leasedAt
FROM callback
WHERE state = 2 AND owner_seq <> :ownerSeq
  AND NOT EXISTS (
    SELECT 1 FROM instance
    WHERE instance.seq = callback.owner_seq AND instance.ended_at IS NULL AND instance.heartbeat_at > :aliveSince
  )
LIMIT :limit
