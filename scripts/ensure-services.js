/**
 * Makes sure that Redis and MariaDB are on this machine: tests and the distributed demo start them for themselves, on ports and
 * folders of their own. On Debian and what descends from it, root gets them installed; anybody else is told what to install.
 */
import { spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isEntry } from './tools.js';

/** Programs that are started, each with the package of Debian that brings it. */
const PROGRAMS = [
  ['redis-server', 'redis-server'],
  ['mariadbd', 'mariadb-server'],
  ['mariadb-install-db', 'mariadb-server'],
];
/** Where they may be besides PATH, which often lacks the sbin folders for users who are not root. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];
/** All of it, the download too. */
const LIMIT_MS = 5 * 60_000;
const LOG_LINES_SHOWN = 8;
/** While it says 101, no package starts its service: nobody asked for a database that listens. */
const POLICY = '/usr/sbin/policy-rc.d';
const APT_OPTIONS = [
  '-o',
  'Acquire::Retries=1',
  '-o',
  'Acquire::http::Timeout=20',
  '-o',
  'DPkg::Lock::Timeout=60',
  '-qq',
];

/**
 * Resolves with null when they are there, at once if they already were; else with the one line that says what to do.
 *
 * @param given for tests: where programs are looked for, whether this user may install, the path of the policy, the limit
 */
export async function ensureServices(given = {}) {
  const { path = process.env.PATH ?? '', folders = FOLDERS, policy = POLICY, limitMs = LIMIT_MS } = given;
  const { isRoot = process.getuid?.() === 0 } = given;
  const places = [...path.split(delimiter).filter((folder) => folder !== ''), ...folders];
  const missing = missingPackages(places);
  if (missing.length === 0) return null;
  const lack = `Redis and MariaDB are needed here, and not all there (${missing.join(' and ')})`;
  const advice = `apt-get install ${missing.join(' ')}, or the same of your system`;
  if (find('apt-get', places) === null) return `${lack}: install them and run this again.`;
  if (!isRoot) return `${lack}: ${advice}, and run this again.`;
  console.log(`Installing ${missing.join(' and ')} with apt-get; no service is started. This takes a minute or so ...`);
  const failure = await install(missing, { path, policy, limitMs });
  if (failure === null && missingPackages(places).length === 0) return null;
  return `${lack}, and apt-get did not install them (${failure ?? 'though it says so'}): ${advice}, and run this again.`;
}

function missingPackages(places) {
  return [...new Set(PROGRAMS.filter(([program]) => find(program, places) === null).map(([, name]) => name))];
}

function find(program, places) {
  return places.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // that it cannot be run is the answer
  }
}

/** Null when all went well, else why it did not, in a few words. What apt-get says is shown only then. */
async function install(packages, { path, policy, limitMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-install-'));
  const log = join(folder, 'log');
  const removePolicy = forbidServices(policy);
  const endAt = Date.now() + limitMs;
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      const problem = await aptGet([...APT_OPTIONS, ...args], { path, log, limitMs: endAt - Date.now() });
      // An index that is out of date may do; what is not in it is told of by the next step.
      if (problem === null || args[0] === 'update') continue;
      console.error(readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n'));
      return problem;
    }
    return null;
  } finally {
    removePolicy();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns what takes it back; a policy that is there already stays as it is. */
function forbidServices(policy) {
  if (existsSync(policy)) return () => {};
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const remove = () => rmSync(policy, { force: true });
  process.once('exit', remove);
  return () => {
    process.off('exit', remove);
    remove();
  };
}

/** Resolves with null or why it failed. It has no terminal and no input, so it cannot ask anything. */
function aptGet(args, { path, log, limitMs }) {
  const output = openSync(log, 'a');
  // RUNLEVEL is the older way of saying that no service is to be started.
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const child = spawn('apt-get', args, { env, stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  return new Promise((resolve) => {
    // A program that could not be started has no group.
    const killAll = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
    const limit = setTimeout(
      () => {
        killAll();
        resolve('it took too long');
      },
      Math.max(1, limitMs),
    );
    process.once('exit', killAll);
    const settle = (problem) => {
      clearTimeout(limit);
      process.off('exit', killAll);
      resolve(problem);
    };
    child.once('error', (error) => settle(error.message));
    child.once('exit', (code, signal) => settle(code === 0 ? null : `it ended with ${signal ?? `exit code ${code}`}`));
  });
}

if (isEntry(import.meta)) {
  const problem = await ensureServices();
  if (problem !== null) {
    console.error(problem);
    process.exitCode = 1;
  }
}
