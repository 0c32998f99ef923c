-- How many rows there are of what people would miss.
SELECT
  (SELECT COUNT(*) FROM tenant) AS tenants,
  (SELECT COUNT(*) FROM api_key) AS keys,
  (SELECT COUNT(*) FROM queue) AS queues,
  (SELECT COUNT(*) FROM upstream) AS upstreams,
  (SELECT COUNT(*) FROM file WHERE deleted_at IS NULL) AS files,
  (SELECT COUNT(*) FROM batch) AS batches,
  (SELECT COUNT(*) FROM task) AS tasks,
  (SELECT COUNT(*) FROM task_result) AS results
