import { createServer, type Server } from 'node:net';
import { createConnection, type Connection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { cli, type CliResult } from '../support/cli.js';
import { newPlace } from '../support/new-place.js';
import type { Place } from '../support/place.js';
import { RedisService } from '../support/services/redis.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';

interface Finding {
  check: string;
  status: string;
  message: string;
  fix: string | null;
}

const NOBODY = 9;

let sim: TestSim;
let place: Place;
let root: Connection;

beforeEach(async () => {
  sim = await startTestSim();
  place = await newPlace();
  root = await createConnection({ uri: inject('services')!.databaseUrl });
});
afterEach(async () => {
  await root.end();
  await place.remove();
  await sim.close();
});

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  const own = { ...place.env, MILLRACE_PORT: '0', MILLRACE_UPSTREAM_URL: sim.url };
  return cli(args, { cwd: place.folder, env: { ...own, ...env } });
}

/** What is not well. */
async function complaints(env: Record<string, string> = {}): Promise<{ code: number | null; found: Finding[] }> {
  const { code, stdout } = await run(['doctor', '--json'], env);
  return { code, found: (JSON.parse(stdout) as Finding[]).filter(({ status }) => status !== 'ok') };
}

/** The URL that leads there with something else in it. */
function changed(name: string, change: (url: URL) => void): Record<string, string> {
  const url = new URL(place.env[name]!);
  change(url);
  return { [name]: url.href };
}

describe('millrace doctor of a deployment', () => {
  it('finds all well beside a server, names it, and shows no password', async () => {
    const server = TestServer.prepare({ MILLRACE_UPSTREAM_URL: sim.url }, place);
    await server.restart();
    const { code, stdout, stderr } = await run(['doctor', '--deep'], { MILLRACE_PORT: new URL(server.url).port });
    await server.kill();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`ready at ${server.url}`);
    expect(stdout).toMatch(/1 process: all \S+:\d+/);
    for (const check of [
      'MariaDB 1',
      'a single primary',
      'Redis 7',
      'an object can be written',
      'every|upstream default',
    ]) {
      expect(stdout).toMatch(new RegExp(check));
    }
    const passwords = [...Object.values(place.env).map((url) => /^\w+:\/\/[^:]*:([^@]+)@/.exec(url)?.[1])];
    for (const secret of passwords.filter((found) => found !== undefined)) expect(stdout).not.toContain(`:${secret}@`);
  });

  it('finds each service that is not there, and goes on with the others', async () => {
    await run(['migrate']);
    const { code, found } = await complaints({
      ...changed('MILLRACE_DATABASE_URL', (url) => (url.port = String(NOBODY))),
      ...changed('MILLRACE_REDIS_URL', (url) => (url.port = String(NOBODY))),
      ...changed('MILLRACE_S3_URL', (url) => (url.port = String(NOBODY))),
    });
    expect(code).toBe(2);
    expect(found.map(({ check }) => check)).toEqual(['database', 'redis', 's3 put', 's3 delete']);
    for (const { message, fix } of found)
      expect([message, fix]).toEqual([expect.stringMatching(/ECONNREFUSED/), expect.any(String)]);
  });

  it('finds a wrong password, a user without rights and a deployment of another secret', async () => {
    const wrong = await complaints(changed('MILLRACE_DATABASE_URL', (url) => (url.password = 'not-this-one')));
    expect(wrong.found[0]).toMatchObject({ check: 'database', message: expect.stringContaining('Access denied') });
    expect(JSON.stringify(wrong)).not.toContain('not-this-one');

    await run(['migrate']);
    const database = new URL(place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1);
    await root.query(`CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'reads'`);
    await root.query(`GRANT SELECT ON ${database}.* TO reader@'127.0.0.1'`);
    const reading = changed('MILLRACE_DATABASE_URL', (url) =>
      Object.assign(url, { username: 'reader', password: 'reads' }),
    );
    expect(await complaints(reading)).toMatchObject({ code: 2, found: [{ check: 'database rights' }] });

    const server = TestServer.prepare({}, place);
    await server.restart();
    await server.kill();
    expect(await complaints({ MILLRACE_SECRET: 'quite-another-secret' })).toMatchObject({
      code: 2,
      found: [{ check: 'secret', fix: expect.stringContaining('MILLRACE_SECRET') }],
    });
  });

  it('finds settings of Redis that lose calls, and a user that may not send them', async () => {
    await run(['migrate']);
    const redis = await RedisService.start({ config: ['--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru'] });
    try {
      const evicting = await complaints({ MILLRACE_REDIS_URL: redis.url });
      expect(evicting).toMatchObject({ code: 2, found: [{ check: 'redis-eviction' }] });
      await redis.client().config('SET', 'maxmemory-policy', 'noeviction');
      await redis.client().acl('SETUSER', 'narrow', 'on', '>narrow', '~other*', '&*', '+@all');
      const narrow = await complaints({ MILLRACE_REDIS_URL: redis.url.replace('//', '//narrow:narrow@') });
      expect(narrow).toMatchObject({ code: 2, found: [{ check: 'redis-rights' }] });
    } finally {
      await redis.stop();
    }
  });

  it('finds migrations that are to run, and tables that were changed by hand', async () => {
    expect(await complaints()).toMatchObject({ code: 1, found: [{ check: 'schema', fix: 'millrace migrate' }] });
    await run(['migrate']);
    expect(await complaints()).toEqual({ code: 0, found: [] });
    await place.alter('ALTER TABLE tenant ADD COLUMN mine BIGINT NULL');
    expect(await complaints()).toMatchObject({ code: 2, found: [{ check: 'schema' }] });
  });

  it('finds a server that says it is one of several writers', async () => {
    const cluster = await startImpostor();
    const { found } = await complaints(
      changed('MILLRACE_DATABASE_URL', (url) => (url.port = String((cluster.address() as { port: number }).port))),
    );
    cluster.close();
    expect(found[0]!.check).toBe('database'); // it is no database at all, and that ends in words too
  });
});

/** Takes connections and says nothing that a database would. */
async function startImpostor(): Promise<Server> {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('millrace migrate of a deployment', () => {
  it('is done once by many at once, and asked for without doing it', async () => {
    const before = await run(['migrate', '--status', '--json']);
    const pending = (JSON.parse(before.stdout) as { pending: string[] }).pending;
    expect([before.code, pending.length > 0]).toEqual([1, true]);
    const all = await Promise.all(Array.from({ length: 4 }, () => run(['migrate', '--json'])));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const applied = all.flatMap(({ stdout }) => (JSON.parse(stdout) as { applied: string[] }).applied);
    expect(applied).toEqual(pending);
    expect(await run(['migrate', '--status'])).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
  });
});
