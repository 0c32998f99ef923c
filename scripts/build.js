/** Compiles src/ to dist/: `node scripts/build.js` always, with `--if-stale` only when a source file is newer. */
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled } from './ensure-installed.js';
import { isEntry, ROOT, runTool } from './tools.js';

const INPUTS = ['src', 'nest-cli.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
/** Written after a build without errors, and dated at its start, so that an edit made meanwhile counts as newer. */
const STAMP = join(ROOT, 'dist', '.built');

/** Resolves with the compiler's exit code. */
export async function build() {
  console.log('Building dist/ ...');
  const startedAt = new Date();
  const code = await runTool('@nestjs/cli', 'nest', ['build']);
  if (code === 0) {
    writeFileSync(STAMP, '');
    utimesSync(STAMP, startedAt, startedAt);
  }
  return code;
}

export async function buildIfStale() {
  return isFresh() ? 0 : build();
}

function isFresh() {
  const stamp = statSync(STAMP, { throwIfNoEntry: false });
  return stamp !== undefined && INPUTS.every((input) => newestChange(join(ROOT, input)) <= stamp.mtimeMs);
}

/** Epoch ms. A folder's own time tells of files that were removed. */
function newestChange(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

if (isEntry(import.meta)) {
  await ensureInstalled();
  process.exitCode = await (process.argv.includes('--if-stale') ? buildIfStale() : build());
}
