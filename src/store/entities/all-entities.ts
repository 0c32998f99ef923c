import { ApiKeyRow } from './api-key.entity.js';
import { AttemptRow } from './attempt.entity.js';
import { AuditEntryRow } from './audit-entry.entity.js';
import { BatchRow } from './batch.entity.js';
import { BlobRow } from './blob.entity.js';
import { CallbackAttemptRow } from './callback-attempt.entity.js';
import { CallbackRow } from './callback.entity.js';
import { CommitMarkRow } from './commit-mark.entity.js';
import { DeletedLaneRow } from './deleted-lane.entity.js';
import { FileRow } from './file.entity.js';
import { IdempotencyKeyRow } from './idempotency-key.entity.js';
import { InstanceRow } from './instance.entity.js';
import { LaneRow } from './lane.entity.js';
import { LeaderRow } from './leader.entity.js';
import { QueueRow } from './queue.entity.js';
import { SettingRow } from './setting.entity.js';
import { TaskRow } from './task.entity.js';
import { TaskAliasRow } from './task-alias.entity.js';
import { TaskBodyRow } from './task-body.entity.js';
import { TaskEventRow } from './task-event.entity.js';
import { TaskResultRow } from './task-result.entity.js';
import { TenantRow } from './tenant.entity.js';
import { UpstreamRow } from './upstream.entity.js';
import { WebhookSecretRow } from './webhook-secret.entity.js';
import { WorkerRow } from './worker.entity.js';

/** Every table, for the data sources and the drift check. */
export const ALL_ENTITIES = [
  ApiKeyRow,
  AttemptRow,
  AuditEntryRow,
  BatchRow,
  BlobRow,
  CallbackAttemptRow,
  CallbackRow,
  CommitMarkRow,
  DeletedLaneRow,
  FileRow,
  IdempotencyKeyRow,
  InstanceRow,
  LaneRow,
  LeaderRow,
  QueueRow,
  SettingRow,
  TaskRow,
  TaskAliasRow,
  TaskBodyRow,
  TaskEventRow,
  TaskResultRow,
  TenantRow,
  UpstreamRow,
  WebhookSecretRow,
  WorkerRow,
];
