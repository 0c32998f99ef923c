/** `npm run check`: everything that can be said about the code without running it. Goes on after a failure. */
import { ensureInstalled } from './ensure-installed.js';
import { runTool } from './tools.js';

const CHECKS = {
  format: () => runTool('prettier', 'prettier', ['--check', '.']),
  lint: () => runTool('oxlint', 'oxlint', ['--type-aware', '--deny-warnings']),
  types: () => runTool('typescript', 'tsc', ['--noEmit']),
  architecture: () => runTool('vitest', 'vitest', ['run', 'test/architecture']),
};

await ensureInstalled();
const failed = [];
for (const [name, check] of Object.entries(CHECKS)) {
  console.log(`\n-- ${name}`);
  if ((await check()) !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
if (failed.length > 0) process.exitCode = 1;
