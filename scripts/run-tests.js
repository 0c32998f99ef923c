/**
 * `npm test`: from a bare checkout to the line `N passed, N failed`, which is always the last one.
 * Arguments go to vitest: `npm test -- src/kernel`. `--long` sets LONG=1, for the tests that take minutes.
 */
import { build } from './build.js';
import { ensureInstalled } from './ensure-installed.js';
import { ensureServices } from './ensure-services.js';
import { runTool } from './tools.js';

/** A test that hangs must not hang whoever waits for the verdict. All of them take 20 to 25 minutes on two busy cores. */
const LIMIT_MS = 29 * 60_000;
const REPORTERS = ['--reporter=default', '--reporter=./test/support/count-reporter.ts'];
const args = process.argv.slice(2).filter((arg) => arg !== '--long');
const isLong = process.argv.includes('--long');

/** Stands if the tests were never reached: the installation or the build broke, or vitest did not start. */
let verdict = { line: '0 passed, 1 failed', isGood: false };
// Also after a failed installation, which ends this process from within.
process.on('exit', () => console.log(verdict.line));

await ensureInstalled();
const lack = await ensureServices();
if (lack !== null) {
  console.error(lack);
  process.exit(1);
}
process.exitCode = await build();
if (process.exitCode === 0) process.exitCode = await runVitest();
if (!verdict.isGood && process.exitCode === 0) process.exitCode = 1;

/** The reporter hands its line over instead of printing it, because vitest may still have something to say. */
function runVitest() {
  return runTool('vitest', 'vitest', ['run', ...REPORTERS, ...args], {
    env: { ...process.env, ...(isLong ? { LONG: '1' } : {}) },
    onMessage: (message) => (verdict = message),
    ...(isLong ? {} : { limitMs: LIMIT_MS }),
  });
}
