-- Forgets the result of a task; says where its body was kept if that was a blob.
SELECT task_seq AS seq, blob_key AS blobKey FROM task_result WHERE task_seq = :seq;
DELETE FROM task_result WHERE task_seq IN (:found)
