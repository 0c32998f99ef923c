-- The bodies of tasks that were inserted just before.
INSERT INTO task_body (task_seq, body, blob_key) VALUES ((SELECT seq FROM task WHERE id = :id), :body, :blobKey)
