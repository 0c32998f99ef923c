-- Adds to the lane's totals.
UPDATE lane SET
  put_count = put_count + :put,
  taken_count = taken_count + :taken,
  completed_count = completed_count + :completed,
  failed_count = failed_count + :failed,
  expired_count = expired_count + :expired,
  cancelled_count = cancelled_count + :cancelled
WHERE seq = :seq
