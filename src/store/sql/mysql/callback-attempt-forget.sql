-- Forgets the tries to deliver a callback.
DELETE FROM callback_attempt WHERE callback_seq = :seq
