import { chmodSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { line, run as runBatch } from '../support/batches.js';
import { cli, type CliResult } from '../support/cli.js';
import { blobPaths } from '../support/folder-place.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

interface Finding {
  check: string;
  status: string;
  message: string;
  fix: string | null;
}

const TIB = 2 ** 40;
const disk = statfsSync(tmpdir());
const freeBytes = disk.bavail * disk.bsize;

let sim: TestSim;
let server: TestServer;

beforeEach(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url });
});
afterEach(async () => {
  await server.close();
  await sim.close();
});

/** With the settings of the server, and others that go before them. */
function doctor(env: Record<string, string> = {}, ...args: string[]): Promise<CliResult> {
  const own = {
    MILLRACE_DATA_DIR: server.dataDir,
    MILLRACE_PORT: new URL(server.url).port,
    MILLRACE_MIN_FREE_DISK: '1MiB',
    MILLRACE_UPSTREAM_URL: sim.url,
  };
  return cli(['doctor', ...args], { cwd: join(server.dataDir, '..'), env: { ...own, ...env } });
}

/** What is not well. */
async function complaints(env: Record<string, string> = {}): Promise<{ code: number | null; found: Finding[] }> {
  const { code, stdout } = await doctor(env, '--json');
  return { code, found: (JSON.parse(stdout) as Finding[]).filter(({ status }) => status !== 'ok') };
}

describe('millrace doctor', () => {
  it('finds all well, beside a server and without, and says so without colours', async () => {
    await runBatch(server.openai, [line('a')]);
    const beside = await doctor({}, '--deep');
    expect(beside).toMatchObject({ code: 0, stderr: '' });
    expect(beside.stdout).toContain('ready at');
    expect(beside.stdout).not.toContain('\u001b');
    await server.stop();
    const without = await doctor();
    expect(without.code).toBe(0);
    expect(without.stdout).toContain('not running');
    await server.restart(); // it is not in the way of the next start
  });

  it('finds folders and keys that others can read', async () => {
    chmodSync(server.dataDir, 0o755);
    chmodSync(join(server.dataDir, 'secret.key'), 0o644);
    const { code, found } = await complaints();
    expect(code).toBe(2);
    expect(found).toEqual([expect.objectContaining({ check: 'data folder', status: 'failed' })]);
    expect(found[0]!.fix).toContain(`chmod go= ${server.dataDir} ${join(server.dataDir, 'secret.key')}`);
  });

  it('finds a damaged database, and one that is none', async () => {
    await runBatch(
      server.openai,
      Array.from({ length: 200 }, (_, n) => line(`l${n}`)),
    );
    await server.stop();
    const file = join(server.dataDir, 'millrace.sqlite');
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 40_960), Buffer.alloc(40_960, 0xa5), bytes.subarray(81_920)]));
    const damaged = await complaints();
    expect(damaged).toMatchObject({ code: 2, found: [{ check: 'database', status: 'failed' }] });
    expect(damaged.found[0]!.fix).toContain('millrace restore');
    writeFileSync(file, 'this was a database once'.repeat(100));
    expect(await complaints()).toMatchObject({ code: 2, found: [{ check: 'database', status: 'failed' }] });
  });

  it('finds stored files that are gone', async () => {
    await runBatch(server.openai, [line('a')]);
    const [key, path] = [...(await blobPaths(server.place))][0]!;
    rmSync(path);
    const { code, found } = await complaints();
    expect(code).toBe(2);
    expect(found).toEqual([expect.objectContaining({ check: 'stored files' })]);
    expect(found[0]!.message).toContain(`${key} is missing`);
  });

  it('finds tables that were changed by hand, and migrations that are to run', async () => {
    await server.stop();
    await server.place.alter('ALTER TABLE tenant ADD COLUMN mine TEXT');
    expect(await complaints()).toMatchObject({ code: 2, found: [{ check: 'schema', status: 'failed' }] });
    await server.place.alter('DELETE FROM migration');
    expect(await complaints()).toMatchObject({ code: 1, found: [{ check: 'schema', status: 'warning' }] });
    const status = await cli(['migrate', '--status', '--json'], {
      cwd: '/',
      env: { MILLRACE_DATA_DIR: server.dataDir },
    });
    expect(status.code).toBe(1);
    expect((JSON.parse(status.stdout) as { pending: string[] }).pending).not.toEqual([]);
  });

  it('finds an upstream that does not answer, and one whose key cannot be opened', async () => {
    const answer = await server.fetch('/v1/console/upstreams', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'sealed', base_url: sim.url, api_key: 'sk-upstream-key' }),
    });
    expect(answer.status).toBe(200);
    expect(await complaints()).toEqual({ code: 0, found: [] });
    const { code, found } = await complaints({
      MILLRACE_UPSTREAM_URL: 'http://127.0.0.1:9/v1',
      MILLRACE_SECRET: 'quite-another-secret',
    });
    expect(code).toBe(2);
    expect(found.map(({ check }) => check)).toEqual(['upstream sealed', 'upstream default']);
    expect(found[0]!.fix).toContain('MILLRACE_SECRET');
    expect(found[1]!.message).toContain('ECONNREFUSED');
  });

  // The most that may be asked for; on a larger disk it is not too little.
  it.skipIf(freeBytes > TIB)('finds a disk with too little room', async () => {
    const { code, found } = await complaints({ MILLRACE_MIN_FREE_DISK: '1TiB' });
    expect(code).toBe(2);
    expect(found).toEqual([expect.objectContaining({ check: 'disk space', status: 'failed' })]);
  });

  it('finds variables that nobody knows, all of them', async () => {
    const { code, found } = await complaints({ MILLRACE_PROT: '1', MILLRACE_MODE: 'sideways' });
    expect(code).toBe(2);
    expect(found.map(({ fix }) => fix)).toEqual([
      'it takes `embedded` or `distributed`',
      'did you mean MILLRACE_PORT?',
    ]);
  });

  it('finds what is wrong with the URLs of services, all of it, and shows no secret', async () => {
    const settings = {
      MILLRACE_MODE: 'distributed',
      MILLRACE_DATABASE_URL: 'mysql://u:hush%zz@localhost:1/db',
      MILLRACE_REDIS_URL: 'redis://u:hush@localhost:99999',
      MILLRACE_S3_URL: 'http://a:hush@127.0.0.1:1/b',
      MILLRACE_ADMIN_KEY: 'k'.repeat(16),
      MILLRACE_SECRET: 's'.repeat(16),
    };
    const { code, found } = await complaints(settings);
    expect(code).toBe(2);
    expect(found.map(({ message }) => message.replace(/:.*/, ''))).toEqual([
      'MILLRACE_DATABASE_URL has a % in the user or password that escapes nothing (environment)',
      'MILLRACE_REDIS_URL has a port that is none (environment)',
      'MILLRACE_S3_URL has a bucket with a name that cannot be',
    ]);
    for (const { fix } of found) expect(fix).not.toBeNull();
    const start = server.launch({ ...settings, MILLRACE_LOG_LEVEL: 'loud' });
    expect(await start.ended).toEqual({ code: 1, signal: null });
    expect(start.lines[0]).toBe('The configuration has 4 problems:');
    const printed = await cli(['config', 'print'], { cwd: '/', env: settings });
    expect(printed.code).toBe(1);
    expect(printed.stderr).toContain('The configuration has 3 problems:');
    expect([JSON.stringify(found), ...start.lines, printed.stderr].join('\n')).not.toContain('hush');
  });

  it('finds a clock that was set back', async () => {
    await server.stop();
    await server.place.alter(`UPDATE instance SET started_at = ${Date.now() + 7_200_000}`);
    const { code, found } = await complaints();
    expect(code).toBe(2);
    expect(found).toEqual([expect.objectContaining({ check: 'clock' })]);
    expect(found[0]!.message).toContain('in the future');
  });

  it('only warns where no server has been yet, or its port is taken', async () => {
    const folder = await makeTemporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, found } = await complaints({
      MILLRACE_DATA_DIR: join(folder.path, 'new'),
      MILLRACE_PORT: String(port),
    });
    other.close();
    await folder.remove();
    expect(code).toBe(1);
    expect(found.map(({ check }) => check)).toEqual(['data folder', 'server']);
  });
});
