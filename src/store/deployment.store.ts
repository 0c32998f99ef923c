import { randomUUID } from 'node:crypto';
import { IsNull, Not, type EntityManager } from 'typeorm';
import type { Database } from './database.js';
import { BlobRow } from './entities/blob.entity.js';
import { SettingRow } from './entities/setting.entity.js';
import { TaskBodyRow } from './entities/task-body.entity.js';
import { TaskResultRow } from './entities/task-result.entity.js';
import { ensureSetting } from './procedures/setting.procedures.js';

/** The setting that tells a deployment from others. */
export const DEPLOYMENT_ID = 'deployment_id';

/** Gives the deployment an id unless it has one; returns the one that it has now. */
export function ensureDeploymentId(database: Database): Promise<string> {
  return database.write(ensureSetting, { name: DEPLOYMENT_ID, value: randomUUID() });
}

/** What tells whether a bucket goes with a database. */
export class DeploymentStore {
  constructor(private readonly reader: EntityManager) {}

  /** Null before the first start. */
  async deploymentId(): Promise<string | null> {
    return (await this.reader.findOneBy(SettingRow, { name: DEPLOYMENT_ID }))?.value ?? null;
  }

  /** Whether any row refers to a blob. */
  async hasBlobs(): Promise<boolean> {
    if (await this.reader.existsBy(BlobRow, {})) return true;
    if (await this.reader.existsBy(TaskBodyRow, { blobKey: Not(IsNull()) })) return true;
    return this.reader.existsBy(TaskResultRow, { blobKey: Not(IsNull()) });
  }
}
