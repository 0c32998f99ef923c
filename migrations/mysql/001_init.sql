-- The schema, as it is on SQLite; `seq` is primary key and order, `id` is the public, opaque, time-ordered name of a row.
-- Instants are epoch milliseconds. Text is compared byte by byte. SQLite's partial indexes are composite ones here.
-- Each statement may run again: a migration that was cut off is run from its beginning.

CREATE TABLE IF NOT EXISTS tenant (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  name VARCHAR(255) NOT NULL,
  max_files BIGINT NULL,
  max_bytes BIGINT NULL,
  max_queued_lines BIGINT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_tenant_id (id),
  UNIQUE INDEX ux_tenant_name (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Only a hash of a key is kept. `scopes` is a JSON array of strings.
CREATE TABLE IF NOT EXISTS api_key (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NOT NULL,
  name LONGTEXT NOT NULL,
  hash LONGTEXT NOT NULL,
  last4 LONGTEXT NOT NULL,
  scopes LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NULL,
  revoked_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_api_key_id (id),
  INDEX ix_api_key_tenant (tenant_seq, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Stored bytes. A row exists for every finished blob that something may refer to. `unused_at`: when its last file went.
CREATE TABLE IF NOT EXISTS `blob` (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  `key` VARCHAR(255) NOT NULL,
  bytes BIGINT NOT NULL,
  sha256 LONGTEXT NULL,
  created_at BIGINT NOT NULL,
  unused_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_blob_key (`key`),
  INDEX ix_blob_unused (unused_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- `deleted_at` hides a file at once; its blob goes when no live batch pins it.
CREATE TABLE IF NOT EXISTS file (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NOT NULL,
  blob_seq BIGINT NOT NULL,
  purpose LONGTEXT NOT NULL,
  filename LONGTEXT NOT NULL,
  bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_file_id (id),
  INDEX ix_file_tenant (tenant_seq, deleted_at, seq),
  INDEX ix_file_expiry (deleted_at, expires_at),
  INDEX ix_file_blob (blob_seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Upstreams belong to the operators, not to tenants: a tenant meets them only through queues.
-- `sealed_key` is encrypted; only `key_last4` is ever shown. `source` is 'env' for the one made from MILLRACE_UPSTREAM_*.
CREATE TABLE IF NOT EXISTS upstream (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  name VARCHAR(255) NOT NULL,
  base_url LONGTEXT NOT NULL,
  sealed_key LONGTEXT NULL,
  key_last4 LONGTEXT NULL,
  concurrency BIGINT NOT NULL,
  per_minute BIGINT NULL,
  source LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_upstream_id (id),
  UNIQUE INDEX ux_upstream_name (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- `consumers` and `models` are JSON arrays of strings; `retry_policy` is a JSON object; `eventbus` is 0 or 1.
CREATE TABLE IF NOT EXISTS queue (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  visibility LONGTEXT NOT NULL,
  endpoint LONGTEXT NULL,
  models LONGTEXT NOT NULL,
  consumers LONGTEXT NOT NULL,
  upstream_seq BIGINT NULL,
  max_concurrency BIGINT NULL,
  per_minute BIGINT NULL,
  max_depth BIGINT NULL,
  retry_policy LONGTEXT NULL,
  completion_rule LONGTEXT NOT NULL,
  result_ttl_ms BIGINT NULL,
  eventbus BIGINT NOT NULL,
  paused_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_queue_id (id),
  UNIQUE INDEX ux_queue_name (tenant_seq, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The row is the mutex of its lane where the database has row locks. `locked_*`: the sequential lock.
CREATE TABLE IF NOT EXISTS lane (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  queue_seq BIGINT NOT NULL,
  level BIGINT NOT NULL,
  cleared_seq BIGINT NOT NULL DEFAULT 0,
  locked_seq BIGINT NULL,
  locked_epoch BIGINT NULL,
  put_count BIGINT NOT NULL DEFAULT 0,
  taken_count BIGINT NOT NULL DEFAULT 0,
  completed_count BIGINT NOT NULL DEFAULT 0,
  failed_count BIGINT NOT NULL DEFAULT 0,
  expired_count BIGINT NOT NULL DEFAULT 0,
  cancelled_count BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_lane_level (queue_seq, level)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What tasks that have ended still say of a queue that was deleted: the row that each of its lanes leaves, under the same seq,
-- until none of its tasks is left. No line of a batch after `last_batch_seq` is among them.
CREATE TABLE IF NOT EXISTS deleted_lane (
  seq BIGINT NOT NULL,
  queue_seq BIGINT NOT NULL,
  tenant_seq BIGINT NOT NULL,
  queue_name VARCHAR(255) NOT NULL,
  visibility LONGTEXT NOT NULL,
  level BIGINT NOT NULL,
  result_ttl_ms BIGINT NULL,
  last_batch_seq BIGINT NOT NULL,
  PRIMARY KEY (seq),
  INDEX ix_deleted_lane_queue (queue_seq),
  INDEX ix_deleted_lane_name (queue_name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- `ingested` lines of `total` have a task row. `planned_*` fix the result files' ids before they are written, so that a
-- finalize that was cut off goes on with the same ones. `outcome` is how the batch will end, set when it stops. `ended_at` is
-- when it got its last state, whichever that is; `cleared_at` when the rows of its lines were forgotten.
CREATE TABLE IF NOT EXISTS batch (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NOT NULL,
  queue_seq BIGINT NULL,
  level BIGINT NOT NULL,
  endpoint LONGTEXT NOT NULL,
  completion_window LONGTEXT NOT NULL,
  state VARCHAR(255) NOT NULL,
  outcome VARCHAR(255) NULL,
  settled_at BIGINT NULL,
  input_file_id LONGTEXT NOT NULL,
  input_blob_seq BIGINT NOT NULL,
  metadata LONGTEXT NULL,
  output_ttl_ms BIGINT NULL,
  model LONGTEXT NULL,
  errors LONGTEXT NULL,
  total BIGINT NOT NULL DEFAULT 0,
  ingested BIGINT NOT NULL DEFAULT 0,
  completed BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  input_tokens BIGINT NOT NULL DEFAULT 0,
  cached_tokens BIGINT NOT NULL DEFAULT 0,
  output_tokens BIGINT NOT NULL DEFAULT 0,
  reasoning_tokens BIGINT NOT NULL DEFAULT 0,
  total_tokens BIGINT NOT NULL DEFAULT 0,
  planned_output_id LONGTEXT NULL,
  planned_error_id LONGTEXT NULL,
  output_file_id LONGTEXT NULL,
  error_file_id LONGTEXT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  in_progress_at BIGINT NULL,
  finalizing_at BIGINT NULL,
  completed_at BIGINT NULL,
  failed_at BIGINT NULL,
  expired_at BIGINT NULL,
  cancelling_at BIGINT NULL,
  cancelled_at BIGINT NULL,
  ended_at BIGINT NULL,
  cleared_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_batch_id (id),
  INDEX ix_batch_tenant (tenant_seq, seq),
  INDEX ix_batch_live (state, seq),
  INDEX ix_batch_blob (input_blob_seq),
  INDEX ix_batch_stopped (settled_at, outcome),
  INDEX ix_batch_uncleared (cleared_at, ended_at),
  INDEX ix_batch_cleared (ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The current attempt of a unit of work; kept slim because every change of state writes it anew. Bodies and results have
-- tables of their own; a batch line's body stays in the input blob at (body_offset, body_length).
-- `id` is null for batch lines: theirs is made of the batch's id and the line. `key_id` is the public id of the key that put
-- a single task. A lease of a worker that gave a time ends at `lease_until` and then as `lease_end` says; a heartbeat moves
-- that by `lease_ms`.
-- States: 0 scheduled, 1 ready, 2 leased, 3 completed, 4 failed, 5 expired, 6 cancelled.
CREATE TABLE IF NOT EXISTS task (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NULL,
  tenant_seq BIGINT NOT NULL,
  queue_seq BIGINT NOT NULL,
  lane_seq BIGINT NOT NULL,
  state BIGINT NOT NULL,
  mode LONGTEXT NOT NULL,
  type VARCHAR(255) NULL,
  endpoint LONGTEXT NULL,
  key_id LONGTEXT NULL,
  batch_seq BIGINT NULL,
  line BIGINT NULL,
  custom_id LONGTEXT NULL,
  body_offset BIGINT NULL,
  body_length BIGINT NULL,
  epoch BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0,
  losses BIGINT NOT NULL DEFAULT 0,
  owner_seq BIGINT NULL,
  worker_seq BIGINT NULL,
  lease_until BIGINT NULL,
  lease_ms BIGINT NULL,
  lease_end LONGTEXT NULL,
  lease_retries BIGINT NULL,
  enqueued_at BIGINT NOT NULL,
  available_at BIGINT NULL,
  expires_at BIGINT NULL,
  leased_at BIGINT NULL,
  ended_at BIGINT NULL,
  status_code BIGINT NULL,
  trace_id LONGTEXT NULL,
  callback_url LONGTEXT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_task_id (id),
  UNIQUE INDEX ux_task_line (batch_seq, line),
  INDEX ix_task_ready (lane_seq, state, seq),
  INDEX ix_task_typed (lane_seq, state, type, seq),
  INDEX ix_task_scheduled (state, available_at),
  INDEX ix_task_lease (state, lease_until),
  INDEX ix_task_expiry (state, expires_at),
  INDEX ix_task_single (tenant_seq, batch_seq, seq),
  INDEX ix_task_failed (queue_seq, batch_seq, state, seq),
  INDEX ix_task_ended (queue_seq, batch_seq, state, ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Bodies of single tasks. Exactly one of `body` and `blob_key` is set: what is large is spilled to a blob.
CREATE TABLE IF NOT EXISTS task_body (
  task_seq BIGINT NOT NULL,
  body LONGTEXT NULL,
  blob_key VARCHAR(255) NULL,
  PRIMARY KEY (task_seq),
  INDEX ix_task_body_blob (blob_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The one recorded answer. No HTTP answer: `error_code` and `error_message` instead of the others.
CREATE TABLE IF NOT EXISTS task_result (
  task_seq BIGINT NOT NULL,
  status_code BIGINT NULL,
  request_id LONGTEXT NULL,
  body LONGTEXT NULL,
  blob_key VARCHAR(255) NULL,
  error_code LONGTEXT NULL,
  error_message LONGTEXT NULL,
  PRIMARY KEY (task_seq),
  INDEX ix_task_result_blob (blob_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Events of tasks, several of one flush a row: `events` is a JSON array, and `n` the number of its last one, counted
-- from 1. A stream belongs to one attempt (epoch).
CREATE TABLE IF NOT EXISTS task_event (
  task_seq BIGINT NOT NULL,
  n BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  events LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (task_seq, n),
  INDEX ix_task_event_age (created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Names that other dialects give to tasks.
CREATE TABLE IF NOT EXISTS task_alias (
  dialect VARCHAR(255) NOT NULL,
  scope VARCHAR(255) NOT NULL,
  alias VARCHAR(255) NOT NULL,
  task_seq BIGINT NOT NULL,
  PRIMARY KEY (dialect, scope, alias),
  INDEX ix_task_alias_task (task_seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Attempts that failed or lost their lease; the happy path writes none.
CREATE TABLE IF NOT EXISTS attempt (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  task_seq BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  owner_seq BIGINT NULL,
  worker_seq BIGINT NULL,
  started_at BIGINT NULL,
  ended_at BIGINT NOT NULL,
  outcome LONGTEXT NOT NULL,
  status_code BIGINT NULL,
  detail LONGTEXT NULL,
  PRIMARY KEY (seq),
  INDEX ix_attempt_task (task_seq, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Outbox: HTTP notices written with the state change, delivered later. `body` is null where it is the recorded result of
-- the task. `target` is the origin of `url`: receivers do not wait for each other.
-- States: 1 waiting (also for its next try), 2 leased, 3 delivered, 4 dead.
CREATE TABLE IF NOT EXISTS callback (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NOT NULL,
  task_seq BIGINT NULL,
  batch_seq BIGINT NULL,
  url LONGTEXT NOT NULL,
  target VARCHAR(300) NOT NULL,
  body LONGTEXT NULL,
  state BIGINT NOT NULL,
  epoch BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0,
  owner_seq BIGINT NULL,
  leased_at BIGINT NULL,
  available_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_callback_id (id),
  INDEX ix_callback_due (state, available_at),
  INDEX ix_callback_target (state, tenant_seq, target, available_at),
  INDEX ix_callback_lease (state, owner_seq),
  INDEX ix_callback_task (task_seq),
  INDEX ix_callback_ended (state, ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every try to deliver a callback. `error` is null where the receiver took it; `answer` is the beginning of what it said.
CREATE TABLE IF NOT EXISTS callback_attempt (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  callback_seq BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  took_ms BIGINT NOT NULL,
  status_code BIGINT NULL,
  error LONGTEXT NULL,
  answer LONGTEXT NULL,
  PRIMARY KEY (seq),
  INDEX ix_callback_attempt (callback_seq, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What a tenant's callbacks are signed with, encrypted; the one before signs too until `previous_until`.
CREATE TABLE IF NOT EXISTS webhook_secret (
  tenant_seq BIGINT NOT NULL,
  sealed LONGTEXT NOT NULL,
  last4 LONGTEXT NOT NULL,
  rotated_at BIGINT NOT NULL,
  previous_sealed LONGTEXT NULL,
  previous_until BIGINT NULL,
  PRIMARY KEY (tenant_seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row per server process; a new one at each boot. `handler_types` is a JSON array of strings.
CREATE TABLE IF NOT EXISTS instance (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  role LONGTEXT NOT NULL,
  host LONGTEXT NOT NULL,
  pid BIGINT NOT NULL,
  handler_types LONGTEXT NULL,
  started_at BIGINT NOT NULL,
  heartbeat_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  rescued_at BIGINT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_instance_id (id),
  INDEX ix_instance_heartbeat (heartbeat_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Workers that pull over HTTP, as they name themselves. `lanes`: what they ask for, a JSON object of instants by the lane's seq.
CREATE TABLE IF NOT EXISTS worker (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  tenant_seq BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  capacity BIGINT NULL,
  lanes LONGTEXT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_worker_name (tenant_seq, name),
  INDEX ix_worker_seen (last_seen_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Acts of people: keys made, queues changed, batches cancelled. Append-only. `tenant_seq` is null where the subject
-- belongs to no tenant; `detail` is a JSON object.
CREATE TABLE IF NOT EXISTS audit_entry (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(255) NOT NULL,
  tenant_seq BIGINT NULL,
  actor LONGTEXT NOT NULL,
  action LONGTEXT NOT NULL,
  subject LONGTEXT NOT NULL,
  detail LONGTEXT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE INDEX ux_audit_id (id),
  INDEX ix_audit_tenant (tenant_seq, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency_key (
  tenant_seq BIGINT NOT NULL,
  scope VARCHAR(255) NOT NULL,
  `key` VARCHAR(255) NOT NULL,
  request_hash LONGTEXT NOT NULL,
  subject_id LONGTEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_seq, scope, `key`),
  INDEX ix_idempotency_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leader (
  name VARCHAR(255) NOT NULL,
  instance_seq BIGINT NOT NULL,
  term BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What a whole deployment must agree on, such as a text sealed with its secret.
CREATE TABLE IF NOT EXISTS setting (
  name VARCHAR(255) NOT NULL,
  value LONGTEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The last group of writes that each writer committed: settles a commit whose answer was lost.
CREATE TABLE IF NOT EXISTS commit_mark (
  writer VARCHAR(255) NOT NULL,
  mark BIGINT NOT NULL,
  PRIMARY KEY (writer)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
