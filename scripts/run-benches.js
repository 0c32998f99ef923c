/**
 * `npm run bench`: runs every test/bench/*.bench.ts, one after the other. `npm run bench -- batch` runs only
 * batch.bench.ts; what follows the name goes to it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale } from './build.js';
import { ensureInstalled } from './ensure-installed.js';
import { ROOT, run, runTool } from './tools.js';

const ENDING = '.bench.ts';
const known = readdirSync(join(ROOT, 'test/bench'))
  .filter((file) => file.endsWith(ENDING))
  .map((file) => file.slice(0, -ENDING.length));
const [wanted, ...args] = process.argv.slice(2);
if (wanted !== undefined && !known.includes(wanted)) {
  console.error(`There is no bench '${wanted}'. There are: ${known.join(', ') || 'none'}.`);
  process.exit(2);
}

/** Compiled beside the server, because Node 20 does not run TypeScript. */
async function compile() {
  await ensureInstalled();
  return (await buildIfStale()) || runTool('typescript', 'tsc', ['-p', 'tsconfig.bench.json']);
}

let code = await compile();
for (const name of wanted === undefined ? known : [wanted]) {
  if (code !== 0) break;
  code = await run(process.execPath, [join(ROOT, 'dist/bench/test/bench', `${name}.bench.js`), ...args]);
}
process.exitCode = code;
