/** Installs the dependencies if any is missing or has another version than package-lock.json says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEntry, ROOT, run } from './tools.js';

const NOTHING_YET = 'node_modules';

export async function ensureInstalled() {
  const missing = firstMissing();
  if (missing === null) return;
  console.log(`Installing dependencies with npm (${missing} is not there yet). This takes a minute or more ...`);
  // `npm ci` starts from nothing, which is right where there is nothing. Elsewhere it would compile SQLite once more, so
  // there npm mends what is there; the lock file is obeyed too, and --no-save leaves it as it is.
  const command = missing === NOTHING_YET ? ['ci'] : ['install', '--no-save'];
  const code = await run('npm', [...command, '--include=dev', '--no-audit', '--no-fund'], {
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  if (code !== 0) {
    console.error(`npm ${command[0]} failed with exit code ${code}; its message is above.`);
    process.exit(code);
  }
}

/**
 * npm notes what it installed in node_modules/.package-lock.json, as its last step. Comparing versions instead of
 * file times spares a reinstall when git has merely touched package-lock.json. About 5 ms.
 */
function firstMissing() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (present === null) return NOTHING_YET;
  for (const [path, { version, optional, devOptional, peer }] of Object.entries(wanted)) {
    if (path === '' || present[path]?.version === version) continue;
    // Packages for other platforms are listed but never installed.
    const isLeftOut = present[path] === undefined && (optional || devOptional || peer);
    if (!isLeftOut) return path.replace(/^.*node_modules\//, '');
  }
  return null;
}

/** The `packages` of a lock file by path; null when there is no such file. */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

if (isEntry(import.meta)) await ensureInstalled();
