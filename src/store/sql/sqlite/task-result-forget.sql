-- Forgets the result of a task; says where its body was kept if that was a blob.
DELETE FROM task_result WHERE task_seq = :seq RETURNING blob_key AS blobKey
