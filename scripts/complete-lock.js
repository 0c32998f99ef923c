/**
 * `node scripts/complete-lock.js`: enters into package-lock.json the optional packages of other platforms that npm left out.
 *
 * npm leaves them out when it writes the file beside a node_modules/ that lacks them, or when the registry it asks does not
 * carry them; `npm ci` then refuses the file, on every platform. They are asked for by exact version, so all that npm needs
 * to know of them can be told from their names. A test holds that none is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEntry, ROOT } from './tools.js';

const LOCK = join(ROOT, 'package-lock.json');
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** Every dependency that is asked for in a lock file without being in it. `isOptional`: npm may leave it out. */
export function missingPackages(packages) {
  return Object.entries(packages).flatMap(([path, { dev, dependencies, optionalDependencies }]) => {
    const asked = [
      ...Object.entries(dependencies ?? {}).map(([name, range]) => ({ name, range, isOptional: false })),
      ...Object.entries(optionalDependencies ?? {}).map(([name, range]) => ({ name, range, isOptional: true })),
    ];
    return asked
      .filter(({ name }) => !isResolved(packages, path, name))
      .map((missing) => ({ ...missing, by: path, isDev: dev === true }));
  });
}

/** As Node looks: in the package's own node_modules/, then in those of the folders above. */
function isResolved(packages, path, name) {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder}/node_modules/${name}`] !== undefined) return true;
  }
  return packages[`node_modules/${name}`] !== undefined;
}

/** `@oxlint/binding-linux-x64-musl` runs on linux, x64, musl. Null when the name does not say. */
export function platformOf(name) {
  const words = name.split(/[/-]/);
  const at = words.findIndex((word) => SYSTEMS.includes(word));
  if (at < 0 || words[at + 1] === undefined) return null;
  const [os, cpu, abi = ''] = words.slice(at);
  const libc = abi.startsWith('musl') ? ['musl'] : abi.startsWith('gnu') ? ['glibc'] : null;
  return { cpu: [cpu], ...(libc === null ? {} : { libc }), os: [os] };
}

function complete() {
  const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
  const left = [];
  for (const { name, range, isOptional, isDev, by } of missingPackages(lock.packages)) {
    const platform = platformOf(name);
    if (!isOptional || platform === null || !EXACT.test(range)) {
      left.push(`${name}@${range}, which ${by} asks for`);
      continue;
    }
    const { os, ...rest } = platform;
    lock.packages[`node_modules/${name}`] = {
      version: range,
      ...rest,
      ...(isDev ? { dev: true } : {}),
      optional: true,
      os,
    };
    console.log(`entered ${name}@${range}`);
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
  for (const missing of left) console.error(`cannot be entered: ${missing}`);
  if (left.length > 0) process.exitCode = 1;
}

if (isEntry(import.meta)) complete();
