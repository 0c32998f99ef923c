import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

const SCRIPT = new URL('../../scripts/ensure-services.js', import.meta.url).href;
/** What a made-up apt-get needs. */
const TOOLS = ['sh', 'cat', 'sleep', 'touch', 'chmod'];

let folder: TemporaryFolder;
let programs: string;
let policy: string;

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  programs = join(folder.path, 'bin');
  policy = join(folder.path, 'policy-rc.d');
  mkdirSync(programs);
  for (const tool of TOOLS)
    symlinkSync(existsSync(`/usr/bin/${tool}`) ? `/usr/bin/${tool}` : `/bin/${tool}`, join(programs, tool));
});
afterEach(() => folder.remove());

/** A program that runs these lines of a shell. */
function program(name: string, ...lines: string[]): void {
  writeFileSync(join(programs, name), ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(join(programs, name), 0o755);
}

/** What it resolves with, on a machine that has nothing but these programs; and all that it printed. */
function ensure({ isRoot = true, limitMs = 20_000 } = {}): Promise<{ lack: string | null; printed: string }> {
  const given = JSON.stringify({ path: programs, folders: [], policy, isRoot, limitMs });
  const code = `const { ensureServices } = await import(${JSON.stringify(SCRIPT)});
    console.log('=' + JSON.stringify(await ensureServices(${given})));`;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--input-type=module', '-e', code, import.meta.filename],
      { timeout: 30_000 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stderr}`));
        else resolve({ lack: JSON.parse(/^=(.*)$/m.exec(stdout)![1]!) as string | null, printed: stdout + stderr });
      },
    );
  });
}

const said = () => readFileSync(join(folder.path, 'said'), 'utf8');

/** Notes how it is called; `install` brings the programs unless told otherwise. */
function aptGet(atInstall: string[] = ['redis-server', 'mariadbd', 'mariadb-install-db'].map(bring)): void {
  program(
    'apt-get',
    `echo "$DEBIAN_FRONTEND $RUNLEVEL $@" >> ${folder.path}/said`,
    `cat ${policy} >> ${folder.path}/said`,
    'case "$*" in *install*) ;; *) exit 0 ;; esac',
    ...atInstall,
  );
}

const bring = (name: string) => `touch ${programs}/${name}; chmod 755 ${programs}/${name}`;

describe('the services of tests and demos', () => {
  it('are left alone when they are there', async () => {
    for (const name of ['redis-server', 'mariadbd', 'mariadb-install-db']) program(name);
    program('apt-get', `touch ${folder.path}/said`);
    expect(await ensure()).toEqual({ lack: null, printed: '=null\n' });
    expect(existsSync(join(folder.path, 'said'))).toBe(false);
  });

  it('are installed without a question, and without a service being started', async () => {
    program('redis-server');
    aptGet([bring('mariadbd'), bring('mariadb-install-db')]);
    const { lack, printed } = await ensure();
    expect([lack, printed.split('\n').length]).toEqual([null, 3]);
    const [update, ...rest] = said().split('\n');
    expect(update).toMatch(/^noninteractive 1 .*-qq update$/);
    expect(rest.join('\n')).toMatch(/^noninteractive 1 .* install -y --no-install-recommends mariadb-server$/m);
    expect(said().match(/exit 101/g)).toHaveLength(2);
    expect(existsSync(policy)).toBe(false);
  });

  it('are asked for in one line where they cannot be installed', async () => {
    const everything = 'Redis and MariaDB are needed here, and not all there (redis-server and mariadb-server)';
    expect((await ensure()).lack).toBe(`${everything}: install them and run this again.`);
    aptGet();
    const { lack, printed } = await ensure({ isRoot: false });
    expect(lack).toBe(
      `${everything}: apt-get install redis-server mariadb-server, or the same of your system, and run this again.`,
    );
    expect(printed.split('\n')).toHaveLength(2);
    expect(existsSync(join(folder.path, 'said'))).toBe(false);
  });

  it('are given up when apt-get fails or hangs, with the end of what it said', async () => {
    aptGet(['echo E: no such package >&2', 'exit 100']);
    const { lack, printed } = await ensure();
    expect(lack).toContain('apt-get did not install them (it ended with exit code 100): apt-get install redis-server');
    expect(printed).toContain('E: no such package');
    aptGet(['sleep 60']);
    const startedAt = performance.now();
    expect((await ensure({ limitMs: 1_000 })).lack).toContain('(it took too long)');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(existsSync(policy)).toBe(false);
  });
});
