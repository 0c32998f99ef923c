-- Leases of one instance, or, where none is named, of all but the one that asks.
SELECT seq, epoch, leased_at AS leasedAt
FROM callback
WHERE state = 2 AND owner_seq <> :ownerSeq AND (:deadSeq IS NULL OR owner_seq = :deadSeq)
LIMIT :limit
