-- Forgets the body of a task; says where it was kept if that was a blob.
DELETE FROM task_body WHERE task_seq = :seq RETURNING blob_key AS blobKey
