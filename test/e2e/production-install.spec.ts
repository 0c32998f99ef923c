/**
 * What is installed without the tools of development is enough to run the server: as an image has it, on a folder of its
 * own that nothing else can be reached from. With LONG=1 npm itself installs it; else its packages are those that the lock
 * file says belong to it, taken from here, because npm would compile SQLite anew.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../architecture/source-tree.js';
import { line, run } from '../support/batches.js';
import { ChildProgram } from '../support/child-program.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import OpenAI from 'openai';

/** What docker/Dockerfile puts into the image, besides the packages. */
const SHIPPED = ['bin', 'dist', 'examples', 'migrations', 'package.json', 'package-lock.json'];

let folder: TemporaryFolder;
let app: string;
let sim: TestSim;

beforeAll(async () => {
  sim = await startTestSim();
  folder = await makeTemporaryFolder();
  app = join(folder.path, 'app');
  await mkdir(app);
  for (const path of SHIPPED) await cp(join(ROOT, path), join(app, path), { recursive: true });
  if (process.env['LONG'] === '1') execFileSync('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], { cwd: app });
  else await copyPackages();
});

afterAll(async () => {
  await sim.close();
  await folder.remove();
});

interface LockedPackage {
  dev?: boolean;
  devOptional?: boolean;
}

async function copyPackages(): Promise<void> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const wanted = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  expect(wanted.length).toBeLessThan(Object.keys(lock.packages).length);
  for (const [path] of wanted) {
    // Those of other platforms are not there. What a package brings in its own node_modules/ has an entry of its own.
    const isNested = (source: string) => source.slice(join(ROOT, path).length).includes('node_modules');
    const options = { recursive: true, filter: (source: string) => !isNested(source) };
    await cp(join(ROOT, path), join(app, path), options).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    MILLRACE_PORT: '0',
    MILLRACE_DATA_DIR: join(folder.path, 'data'),
    MILLRACE_UPSTREAM_URL: sim.url,
    MILLRACE_MIN_FREE_DISK: '1MiB',
    MILLRACE_LOG_FORMAT: 'json',
  };
}

it('starts, runs a batch, and stops when it is told to', async () => {
  const server = new ChildProgram({ args: ['dist/main.js'], cwd: app, env: environment() });
  const url = await server.printed((text) => /is listening on (http:\/\/\S+?)"/.exec(text)?.[1] ?? null);
  const apiKey = (await readFile(join(folder.path, 'data/admin.key'), 'utf8')).trim();
  const batch = await run(new OpenAI({ apiKey, baseURL: `${url}/v1` }), [line('a'), line('b')]);
  expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: 2 } });
  expect((await fetch(`${url}/docs`)).status).toBe(200);
  server.send('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, signal: null });
});

it('has the command line, too', async () => {
  const help = new ChildProgram({ args: ['bin/millrace.js', '--help'], cwd: app, env: environment() });
  expect(await help.ended).toEqual({ code: 0, signal: null });
  expect(help.lines.join('\n')).toContain('serve');
});
