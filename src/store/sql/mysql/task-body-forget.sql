-- Forgets the body of a task; says where it was kept if that was a blob.
SELECT task_seq AS seq, blob_key AS blobKey FROM task_body WHERE task_seq = :seq;
DELETE FROM task_body WHERE task_seq IN (:found)
