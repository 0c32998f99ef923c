/**
 * The admin key and the sealing secret, from the configuration or else from the data folder, where they are made at the
 * first start. Read them only while holding the lock of the data folder: two processes would make two.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeApiKey } from '../kernel/api-key.js';
import type { AppConfig } from './app-config.js';

/** DI token and type at once; provided by the composition root. */
export abstract class Secrets {
  /** The API key with every right. */
  abstract readonly adminKey: GivenOrKept;
  /** Seals what must be given back in clear, such as keys of upstreams. */
  abstract readonly sealing: GivenOrKept;
}

export interface GivenOrKept {
  text: string;
  /** The file it is kept in; null when the configuration gave it. */
  path: string | null;
  /** Whether it was made just now. */
  isNew: boolean;
}

const SECRET_BYTES = 32;
const SHORTEST = 16;

/**
 * Makes the folder if need be. Nobody but its owner may look into it. Where the owner is somebody else who lets us in, as
 * orchestrators arrange it by group, who else may is his to say; `doctor` tells.
 */
export function prepareDataFolder(dataDir: string, { chmod = chmodSync, access = accessSync } = {}): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    chmod(dataDir, 0o700);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EPERM') throw error;
    refuseUnlessOpen(dataDir, access);
  }
}

function refuseUnlessOpen(dataDir: string, access: typeof accessSync): void {
  try {
    access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const [uid, gid] = [process.getuid!(), process.getgid!()];
    throw new Error(
      `the folder ${dataDir} belongs to another user, and this one may not write there: chown -R ${uid}:${gid} ${dataDir}`,
    );
  }
}

export function loadSecrets({
  dataDir,
  adminKey,
  secret,
}: Pick<AppConfig, 'dataDir' | 'adminKey' | 'secret'>): Secrets {
  return {
    adminKey: given(adminKey) ?? kept(dataDir, 'admin.key', () => makeApiKey().token),
    sealing: given(secret) ?? kept(dataDir, 'secret.key', () => randomBytes(SECRET_BYTES).toString('hex')),
  };
}

function given(text: string | null): GivenOrKept | null {
  return text === null ? null : { text, path: null, isNew: false };
}

function kept(dataDir: string, name: string, make: () => string): GivenOrKept {
  const path = join(dataDir, name);
  const known = readIfThere(path);
  if (known === null) {
    const text = make();
    writeDurably(dataDir, path, text);
    return { text, path, isNew: true };
  }
  if (known.length < SHORTEST) throw new Error(`${path} is damaged: restore it, or remove it to have a new one made`);
  return { text: known, path, isNew: false };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** All or nothing: what is sealed with a secret that a power cut then took away could never be opened again. */
function writeDurably(folder: string, path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${text}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, path);
  const directory = openSync(folder, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
