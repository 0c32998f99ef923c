-- The first schema. `seq` is primary key and order; `id` is the public, opaque, time-ordered name of a row.
-- Instants are epoch milliseconds. Rows refer to each other by seq; there are no foreign keys, because every write goes
-- through a procedure that holds both ends, and a check per row would cost more than the row.
-- `seq` is quoted where it numbers rows: only then does TypeORM see that it does, which the check for drift needs.
-- `auto_vacuum` can only be set before the first table; the store sets it before it runs this file.

-- `max_*` are quotas; null for none.
CREATE TABLE tenant (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  max_files INTEGER,
  max_bytes INTEGER,
  max_queued_lines INTEGER,
  created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX ux_tenant_id ON tenant (id);
CREATE UNIQUE INDEX ux_tenant_name ON tenant (name);

-- Only a hash of a key is kept. `scopes` is a JSON array of strings.
CREATE TABLE api_key (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  last4 TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
);
CREATE UNIQUE INDEX ux_api_key_id ON api_key (id);
CREATE INDEX ix_api_key_tenant ON api_key (tenant_seq, seq);

-- Stored bytes. A row exists for every finished blob that something may refer to. `unused_at`: when its last file went.
CREATE TABLE blob (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  key TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT,
  created_at INTEGER NOT NULL,
  unused_at INTEGER
);
CREATE UNIQUE INDEX ux_blob_key ON blob (key);
CREATE INDEX ix_blob_unused ON blob (seq) WHERE unused_at IS NOT NULL;

-- `deleted_at` hides a file at once; its blob goes when no live batch pins it.
CREATE TABLE file (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  blob_seq INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  filename TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  deleted_at INTEGER
);
CREATE UNIQUE INDEX ux_file_id ON file (id);
CREATE INDEX ix_file_tenant ON file (tenant_seq, seq) WHERE deleted_at IS NULL;
CREATE INDEX ix_file_expiry ON file (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX ix_file_deleted ON file (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_file_blob ON file (blob_seq);

-- Upstreams belong to the operators, not to tenants: a tenant meets them only through queues.
-- `sealed_key` is encrypted; only `key_last4` is ever shown. `source` is 'env' for the one made from MILLRACE_UPSTREAM_*.
CREATE TABLE upstream (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  base_url TEXT NOT NULL,
  sealed_key TEXT,
  key_last4 TEXT,
  concurrency INTEGER NOT NULL,
  per_minute INTEGER,
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX ux_upstream_id ON upstream (id);
CREATE UNIQUE INDEX ux_upstream_name ON upstream (name);

-- `consumers` and `models` are JSON arrays of strings; `retry_policy` is a JSON object; `eventbus` is 0 or 1.
CREATE TABLE queue (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  name TEXT NOT NULL,
  visibility TEXT NOT NULL,
  endpoint TEXT,
  models TEXT NOT NULL,
  consumers TEXT NOT NULL,
  upstream_seq INTEGER,
  max_concurrency INTEGER,
  per_minute INTEGER,
  max_depth INTEGER,
  retry_policy TEXT,
  completion_rule TEXT NOT NULL,
  result_ttl_ms INTEGER,
  eventbus INTEGER NOT NULL,
  paused_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX ux_queue_id ON queue (id);
CREATE UNIQUE INDEX ux_queue_name ON queue (tenant_seq, name);

-- The row is the mutex of its lane where the database has row locks. `locked_*`: the sequential lock.
CREATE TABLE lane (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  queue_seq INTEGER NOT NULL,
  level INTEGER NOT NULL,
  cleared_seq INTEGER NOT NULL DEFAULT 0,
  locked_seq INTEGER,
  locked_epoch INTEGER,
  put_count INTEGER NOT NULL DEFAULT 0,
  taken_count INTEGER NOT NULL DEFAULT 0,
  completed_count INTEGER NOT NULL DEFAULT 0,
  failed_count INTEGER NOT NULL DEFAULT 0,
  expired_count INTEGER NOT NULL DEFAULT 0,
  cancelled_count INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ux_lane_level ON lane (queue_seq, level);

-- What tasks that have ended still say of a queue that was deleted: the row that each of its lanes leaves, under the same seq,
-- until none of its tasks is left. No line of a batch after `last_batch_seq` is among them.
CREATE TABLE deleted_lane (
  seq INTEGER PRIMARY KEY NOT NULL,
  queue_seq INTEGER NOT NULL,
  tenant_seq INTEGER NOT NULL,
  queue_name TEXT NOT NULL,
  visibility TEXT NOT NULL,
  level INTEGER NOT NULL,
  result_ttl_ms INTEGER,
  last_batch_seq INTEGER NOT NULL
);
CREATE INDEX ix_deleted_lane_queue ON deleted_lane (queue_seq);
CREATE INDEX ix_deleted_lane_name ON deleted_lane (queue_name);

-- `ingested` lines of `total` have a task row. `planned_*` fix the result files' ids before they are written, so that a
-- finalize that was cut off goes on with the same ones. `outcome` is how the batch will end, set when it stops. `ended_at` is
-- when it got its last state, whichever that is; `cleared_at` when the rows of its lines were forgotten.
CREATE TABLE batch (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  queue_seq INTEGER,
  level INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  completion_window TEXT NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT,
  settled_at INTEGER,
  input_file_id TEXT NOT NULL,
  input_blob_seq INTEGER NOT NULL,
  metadata TEXT,
  output_ttl_ms INTEGER,
  model TEXT,
  errors TEXT,
  total INTEGER NOT NULL DEFAULT 0,
  ingested INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  cached_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  reasoning_tokens INTEGER NOT NULL DEFAULT 0,
  total_tokens INTEGER NOT NULL DEFAULT 0,
  planned_output_id TEXT,
  planned_error_id TEXT,
  output_file_id TEXT,
  error_file_id TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  in_progress_at INTEGER,
  finalizing_at INTEGER,
  completed_at INTEGER,
  failed_at INTEGER,
  expired_at INTEGER,
  cancelling_at INTEGER,
  cancelled_at INTEGER,
  ended_at INTEGER,
  cleared_at INTEGER
);
CREATE UNIQUE INDEX ux_batch_id ON batch (id);
CREATE INDEX ix_batch_tenant ON batch (tenant_seq, seq);
CREATE INDEX ix_batch_live ON batch (state, seq) WHERE state IN ('validating', 'in_progress', 'finalizing', 'cancelling');
CREATE INDEX ix_batch_blob ON batch (input_blob_seq);
CREATE INDEX ix_batch_stopped ON batch (seq) WHERE outcome IS NOT NULL AND settled_at IS NULL;
CREATE INDEX ix_batch_uncleared ON batch (ended_at) WHERE ended_at IS NOT NULL AND cleared_at IS NULL;
CREATE INDEX ix_batch_cleared ON batch (ended_at) WHERE ended_at IS NOT NULL AND cleared_at IS NOT NULL;

-- The current attempt of a unit of work; kept slim because every change of state writes it anew. Bodies and results have
-- tables of their own; a batch line's body stays in the input blob at (body_offset, body_length).
-- `id` is null for batch lines: theirs is made of the batch's id and the line. `key_id` is the public id of the key that put
-- a single task. A lease of a worker that gave a time ends at `lease_until` and then as `lease_end` says; a heartbeat moves
-- that by `lease_ms`.
-- States: 0 scheduled, 1 ready, 2 leased, 3 completed, 4 failed, 5 expired, 6 cancelled.
CREATE TABLE task (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT,
  tenant_seq INTEGER NOT NULL,
  queue_seq INTEGER NOT NULL,
  lane_seq INTEGER NOT NULL,
  state INTEGER NOT NULL,
  mode TEXT NOT NULL,
  type TEXT,
  endpoint TEXT,
  key_id TEXT,
  batch_seq INTEGER,
  line INTEGER,
  custom_id TEXT,
  body_offset INTEGER,
  body_length INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  owner_seq INTEGER,
  worker_seq INTEGER,
  lease_until INTEGER,
  lease_ms INTEGER,
  lease_end TEXT,
  lease_retries INTEGER,
  enqueued_at INTEGER NOT NULL,
  available_at INTEGER,
  expires_at INTEGER,
  leased_at INTEGER,
  ended_at INTEGER,
  status_code INTEGER,
  trace_id TEXT,
  callback_url TEXT
);
CREATE UNIQUE INDEX ux_task_id ON task (id) WHERE id IS NOT NULL;
CREATE UNIQUE INDEX ux_task_line ON task (batch_seq, line) WHERE batch_seq IS NOT NULL;
CREATE INDEX ix_task_ready ON task (lane_seq, seq) WHERE state = 1;
CREATE INDEX ix_task_typed ON task (lane_seq, type, seq) WHERE state = 1 AND type IS NOT NULL;
CREATE INDEX ix_task_scheduled ON task (available_at, lane_seq) WHERE state = 0;
CREATE INDEX ix_task_leased ON task (lane_seq, seq) WHERE state = 2;
CREATE INDEX ix_task_lease ON task (lease_until) WHERE state = 2 AND lease_until IS NOT NULL;
CREATE INDEX ix_task_expiry ON task (expires_at) WHERE state < 3 AND expires_at IS NOT NULL;
CREATE INDEX ix_task_single ON task (tenant_seq, seq) WHERE batch_seq IS NULL;
CREATE INDEX ix_task_failed ON task (queue_seq, seq) WHERE state = 4 AND batch_seq IS NULL;
CREATE INDEX ix_task_ended ON task (queue_seq, state, ended_at) WHERE batch_seq IS NULL AND ended_at IS NOT NULL;

-- Bodies of single tasks. Exactly one of `body` and `blob_key` is set: what is large is spilled to a blob.
CREATE TABLE task_body (
  task_seq INTEGER PRIMARY KEY NOT NULL,
  body TEXT,
  blob_key TEXT
);
CREATE INDEX ix_task_body_blob ON task_body (blob_key) WHERE blob_key IS NOT NULL;

-- The one recorded answer. No HTTP answer: `error_code` and `error_message` instead of the others.
CREATE TABLE task_result (
  task_seq INTEGER PRIMARY KEY NOT NULL,
  status_code INTEGER,
  request_id TEXT,
  body TEXT,
  blob_key TEXT,
  error_code TEXT,
  error_message TEXT
);
CREATE INDEX ix_task_result_blob ON task_result (blob_key) WHERE blob_key IS NOT NULL;

-- Events of tasks, several of one flush a row: `events` is a JSON array, and `n` the number of its last one, counted
-- from 1. A stream belongs to one attempt (epoch).
CREATE TABLE task_event (
  task_seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  events TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (task_seq, n)
) WITHOUT ROWID;
CREATE INDEX ix_task_event_age ON task_event (created_at);

-- Names that other dialects give to tasks.
CREATE TABLE task_alias (
  dialect TEXT NOT NULL,
  scope TEXT NOT NULL,
  alias TEXT NOT NULL,
  task_seq INTEGER NOT NULL,
  PRIMARY KEY (dialect, scope, alias)
) WITHOUT ROWID;
CREATE INDEX ix_task_alias_task ON task_alias (task_seq);

-- Attempts that failed or lost their lease; the happy path writes none.
CREATE TABLE attempt (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  task_seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  owner_seq INTEGER,
  worker_seq INTEGER,
  started_at INTEGER,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  status_code INTEGER,
  detail TEXT
);
CREATE INDEX ix_attempt_task ON attempt (task_seq, seq);

-- Outbox: HTTP notices written with the state change, delivered later. `body` is null where it is the recorded result of
-- the task. `target` is the origin of `url`: receivers do not wait for each other.
-- States: 1 waiting (also for its next try), 2 leased, 3 delivered, 4 dead.
CREATE TABLE callback (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  task_seq INTEGER,
  batch_seq INTEGER,
  url TEXT NOT NULL,
  target TEXT NOT NULL,
  body TEXT,
  state INTEGER NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  owner_seq INTEGER,
  leased_at INTEGER,
  available_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER
);
CREATE UNIQUE INDEX ux_callback_id ON callback (id);
CREATE INDEX ix_callback_due ON callback (available_at) WHERE state = 1;
CREATE INDEX ix_callback_target ON callback (tenant_seq, target, available_at) WHERE state = 1;
CREATE INDEX ix_callback_lease ON callback (owner_seq) WHERE state = 2;
CREATE INDEX ix_callback_task ON callback (task_seq) WHERE task_seq IS NOT NULL;
CREATE INDEX ix_callback_ended ON callback (state, ended_at) WHERE ended_at IS NOT NULL;

-- Every try to deliver a callback. `error` is null where the receiver took it; `answer` is the beginning of what it said.
CREATE TABLE callback_attempt (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  callback_seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  status_code INTEGER,
  error TEXT,
  answer TEXT
);
CREATE INDEX ix_callback_attempt ON callback_attempt (callback_seq, seq);

-- What a tenant's callbacks are signed with, encrypted; the one before signs too until `previous_until`.
CREATE TABLE webhook_secret (
  tenant_seq INTEGER PRIMARY KEY NOT NULL,
  sealed TEXT NOT NULL,
  last4 TEXT NOT NULL,
  rotated_at INTEGER NOT NULL,
  previous_sealed TEXT,
  previous_until INTEGER
);

-- One row per server process; a new one at each boot. `handler_types` is a JSON array of strings. `rescued_at`: when the last
-- lease of one that has ended was taken back.
CREATE TABLE instance (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  handler_types TEXT,
  started_at INTEGER NOT NULL,
  heartbeat_at INTEGER NOT NULL,
  ended_at INTEGER,
  rescued_at INTEGER
);
CREATE UNIQUE INDEX ux_instance_id ON instance (id);
CREATE INDEX ix_instance_heartbeat ON instance (heartbeat_at);

-- Workers that pull over HTTP, as they name themselves. `lanes`: what they ask for, a JSON object of instants by the lane's seq.
CREATE TABLE worker (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  tenant_seq INTEGER NOT NULL,
  name TEXT NOT NULL,
  capacity INTEGER,
  lanes TEXT,
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX ux_worker_name ON worker (tenant_seq, name);
CREATE INDEX ix_worker_seen ON worker (last_seen_at);

-- Acts of people: keys made, queues changed, batches cancelled. Append-only. `tenant_seq` is null where the subject
-- belongs to no tenant; `detail` is a JSON object.
CREATE TABLE audit_entry (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL,
  tenant_seq INTEGER,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT,
  created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX ux_audit_id ON audit_entry (id);
CREATE INDEX ix_audit_tenant ON audit_entry (tenant_seq, seq);

CREATE TABLE idempotency_key (
  tenant_seq INTEGER NOT NULL,
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_seq, scope, key)
) WITHOUT ROWID;
CREATE INDEX ix_idempotency_expiry ON idempotency_key (expires_at);

-- Claims: work that one process at a time should do, for thrift, such as running the sweeps.
CREATE TABLE leader (
  name TEXT PRIMARY KEY NOT NULL,
  instance_seq INTEGER NOT NULL,
  term INTEGER NOT NULL,
  until_at INTEGER NOT NULL
);

-- What a whole deployment must agree on, such as a text sealed with its secret.
CREATE TABLE setting (
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);

-- The last group of writes that each writer committed: settles a commit whose answer was lost.
CREATE TABLE commit_mark (
  writer TEXT PRIMARY KEY NOT NULL,
  mark INTEGER NOT NULL
);
