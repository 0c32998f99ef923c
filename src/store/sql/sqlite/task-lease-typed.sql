-- Leases the tasks that were chosen from the heads of their types to an instance, for its handlers.
UPDATE task SET state = 2, epoch = epoch + 1, owner_seq = :ownerSeq, worker_seq = NULL, lease_until = NULL, leased_at = :now
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND state = 1
