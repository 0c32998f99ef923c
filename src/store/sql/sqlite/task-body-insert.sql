-- The body of a task that was inserted just before.
INSERT INTO task_body (task_seq, body, blob_key) SELECT seq, :body, :blobKey FROM task WHERE id = :id
