-- Leases of any instance but this one.
SELECT seq, epoch, leased_at AS leasedAt
FROM callback
WHERE state = 2 AND owner_seq <> :ownerSeq
LIMIT :limit
