/**
 * `node scripts/run-built.js <file in dist/> [args]`: installs and builds what is missing, then runs the file in this
 * very process, so that signals, the terminal and the exit code are its own.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './build.js';
import { ensureInstalled } from './ensure-installed.js';
import { ensureServices } from './ensure-services.js';
import { ROOT } from './tools.js';

const PARENT_CHECK_MS = 250;

/** npm passes a SIGTERM only to the shell between us, which dies of it; a change of parent is how we learn of that. */
function stopWithNpm() {
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  timer.unref();
}

if (process.env.npm_lifecycle_event !== undefined) stopWithNpm();

const [file, ...args] = process.argv.slice(2);
await ensureInstalled();
// The one command of ours that starts other people's servers.
if (args.includes('demo') && args.includes('--distributed')) {
  const lack = await ensureServices();
  if (lack !== null) {
    console.error(lack);
    process.exit(1);
  }
}
const code = await buildIfStale();
if (code !== 0) process.exit(code);

const entry = join(ROOT, 'dist', file);
process.argv.splice(1, Infinity, entry, ...args);
await import(pathToFileURL(entry).href);
