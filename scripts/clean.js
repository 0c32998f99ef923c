/** Removes what a build or a test run made. Never node_modules/, and never data/: that is the user's. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tools.js';

for (const folder of ['dist', 'coverage']) rmSync(join(ROOT, folder), { recursive: true, force: true });
