/** Looks at everything a server needs, beside a running one or without. Repairs nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FsBlobStore } from '../../adapters/embedded/fs-blob-store.js';
import type { AppConfig } from '../../config/app-config.js';
import { SystemClock } from '../../kernel/clock.js';
import { isFolderLocked } from '../../store/sqlite/folder-lock.js';
import { SQLITE_FILE } from '../../store/sqlite/sqlite-data-source.js';
import { SqliteInspection } from '../../store/sqlite/sqlite-inspection.js';
import { checkClock } from './check-clock.js';
import { checkConfig } from './check-config.js';
import { checkFolder, isUsable } from './check-folder.js';
import { checkServer } from './check-server.js';
import { checkBlobs, checkCommit, checkIntegrity, checkSchema, unreadable } from './check-store.js';
import { checkUpstreams } from './check-upstreams.js';
import type { Finding } from './finding.js';

export interface DoctorOptions {
  /** Null: as the settings say. */
  dataDir: string | null;
  isDeep: boolean;
}

/** Everything that was looked at, in the order of looking. What depends on something broken is left out. */
export async function examine({ dataDir, isDeep }: DoctorOptions): Promise<Finding[]> {
  const { config, findings } = checkConfig(dataDir === null ? {} : { MILLRACE_DATA_DIR: dataDir });
  if (config === null) return findings;
  if (config.services !== null) {
    const { examineDeployment } = await import('./examine-deployment.js');
    return [...findings, ...(await examineDeployment(config, config.services, isDeep))];
  }
  findings.push(...checkFolder(config));
  const file = join(config.dataDir, SQLITE_FILE);
  const hasStore = isUsable(config.dataDir) && existsSync(file);
  findings.push(await checkServer(config, hasStore && isFolderLocked(config.dataDir)));
  if (!hasStore) return [...findings, ...(await checkUpstreams(config, null))];
  return [...findings, ...(await examineStore(config, file, isDeep))];
}

async function examineStore(config: AppConfig, file: string, isDeep: boolean): Promise<Finding[]> {
  let inspection: SqliteInspection | null = null;
  try {
    inspection = await SqliteInspection.open(file);
    const integrity = checkIntegrity(inspection, isDeep);
    if (integrity.status !== 'ok') return [integrity, ...(await checkUpstreams(config, null))];
    const findings = [integrity, await checkSchema(inspection)];
    const isCurrent = findings.every(({ status }) => status === 'ok');
    findings.push(await checkCommit(file));
    if (!isCurrent) return [...findings, ...(await checkUpstreams(config, null))]; // its tables may be others
    const blobs = new FsBlobStore(config.dataDir);
    findings.push(await checkBlobs(inspection, async (key) => (await blobs.stat(key))?.bytes ?? null));
    const readings = { wallAt: Date.now(), steadyAt: new SystemClock().now(), storeAt: inspection.latestAt() };
    return [...findings, checkClock(readings), ...(await checkUpstreams(config, inspection))];
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    return [unreadable(error), ...(await checkUpstreams(config, null))];
  } finally {
    await inspection?.close();
  }
}

function isSqliteError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && code.startsWith('SQLITE_');
}
