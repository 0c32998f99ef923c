import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Compiles the server before specs that start it, unless dist/ is up to date. Runs once, before the first of them. */
export default function buildServer(): void {
  const script = join(import.meta.dirname, '../../scripts/build.js');
  const { status } = spawnSync(process.execPath, [script, '--if-stale'], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error('The server does not build; the compiler says why above.');
}
