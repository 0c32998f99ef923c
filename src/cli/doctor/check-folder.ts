/** The data folder: whose it is, who may look into it, and how much room it has. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AppConfig } from '../../config/app-config.js';
import { showBytes } from '../figures.js';
import { failed, ok, warning, type Finding } from './finding.js';

const OTHERS = 0o077;
const PRIVATE_FILES = ['admin.key', 'secret.key'];
const NEEDED = constants.R_OK | constants.W_OK | constants.X_OK;

export function checkFolder({ dataDir, limits }: AppConfig): Finding[] {
  if (!existsSync(dataDir)) {
    const fix = `start the server, or set MILLRACE_DATA_DIR if its data is elsewhere`;
    return [
      warning('data folder', `${dataDir} is not there yet`, fix),
      checkDisk(existingParent(dataDir), limits.minFreeDiskBytes),
    ];
  }
  return [checkPermissions(dataDir), checkDisk(dataDir, limits.minFreeDiskBytes)];
}

function checkPermissions(dataDir: string): Finding {
  const check = 'data folder';
  if (!isUsable(dataDir)) {
    const fix = `run this as the user of the server, or: chown -R "$USER" ${dataDir}`;
    return failed(check, `${dataDir} cannot be read and written by this user`, fix);
  }
  const open = [dataDir, ...PRIVATE_FILES.map((name) => join(dataDir, name))].filter(isOpenToOthers);
  if (open.length === 0) return ok(check, `${dataDir}, open to its owner alone`);
  const [first, ...rest] = open;
  const more = rest.length === 0 ? '' : ` and ${rest.length} more`;
  return failed(check, `${first}${more} can be read by other users`, `chmod go= ${open.join(' ')}`);
}

/** Whether this user may do in the folder what a server does. */
export function isUsable(path: string): boolean {
  try {
    accessSync(path, NEEDED);
    return true;
  } catch {
    return false; // that it cannot be accessed is the answer
  }
}

/** Windows has no such bits. */
function isOpenToOthers(path: string): boolean {
  if (process.platform === 'win32') return false;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (stat.mode & OTHERS) !== 0;
}

function checkDisk(path: string, minFreeBytes: number): Finding {
  const { bavail, bsize } = statfsSync(path);
  return judgeDisk(bavail * bsize, minFreeBytes);
}

/** Pure. */
export function judgeDisk(freeBytes: number, minFreeBytes: number): Finding {
  const message = `${showBytes(freeBytes)} free, ${showBytes(minFreeBytes)} needed (MILLRACE_MIN_FREE_DISK)`;
  const fix = 'free some space: delete files, or lower MILLRACE_FILE_TTL and MILLRACE_RETENTION';
  if (freeBytes < minFreeBytes) return failed('disk space', `${message}: uploads are refused with 507`, fix);
  if (freeBytes < 2 * minFreeBytes) return warning('disk space', `${message}: soon too little`, fix);
  return ok('disk space', message);
}

function existingParent(path: string): string {
  return existsSync(path) ? path : existingParent(dirname(path));
}
