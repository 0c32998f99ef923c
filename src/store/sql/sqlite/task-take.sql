-- Leases the tasks of one take to its worker.
UPDATE task SET state = 2, epoch = epoch + 1, owner_seq = NULL, worker_seq = :workerSeq, leased_at = :now,
  lease_until = :leaseUntil, lease_ms = :leaseMs, lease_end = :leaseEnd, lease_retries = :leaseRetries
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND state = 1
