/** Starting other programs, for the scripts beside this file. Plain Node: these run before anything is installed. */
import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/**
 * Runs a program in the project root with this process's output, and no input. Resolves with its exit code.
 * Pass `onMessage` to also get what the program sends with `process.send`, and `limitMs` to have it killed, with all that it
 * has started, when it does not end in time: then it resolves with 1.
 */
export function run(command, args, { onMessage, limitMs, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'inherit', 'inherit', ...(onMessage ? ['ipc'] : [])];
    // A group of its own can be killed as a whole.
    const detached = limitMs !== undefined && process.platform !== 'win32';
    const child = spawn(command, args, { cwd: ROOT, stdio, detached, ...options });
    const killAll = () => (detached ? process.kill(-child.pid, 'SIGKILL') : child.kill('SIGKILL'));
    const giveUp = () => {
      console.error(`It did not end within ${limitMs / 60_000} minutes, and is killed.`);
      killAll();
    };
    const limit = limitMs === undefined ? null : setTimeout(giveUp, limitMs);
    // A terminal sends Ctrl-C to both of us; waiting lets the child tidy up. Nobody else would tell it of a SIGTERM.
    const waitForChild = () => detached && child.kill('SIGINT');
    const forwardTerm = () => child.kill('SIGTERM');
    process.on('SIGINT', waitForChild);
    process.on('SIGTERM', forwardTerm);
    if (onMessage) child.on('message', onMessage);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      process.off('SIGINT', waitForChild);
      process.off('SIGTERM', forwardTerm);
      resolve(code ?? 1);
    });
  });
}

/** Runs a command that an installed package brings, e.g. `runTool('typescript', 'tsc', ['--noEmit'])`. */
export function runTool(packageName, binName, args, options) {
  const folder = join(ROOT, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const script = join(folder, typeof bin === 'string' ? bin : bin[binName]);
  return run(process.execPath, [script, ...args], options);
}

/** Whether `node scripts/<name>` was asked for, rather than an import from another script. */
export function isEntry(meta) {
  return realpathSync(process.argv[1]) === meta.filename;
}
