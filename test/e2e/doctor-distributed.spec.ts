import { createConnection, type Connection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { examineDeployment } from '../../src/cli/doctor/examine-deployment.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { loadConfig } from '../../src/config/load-config.js';
import { cli, type CliResult } from '../support/cli.js';
import { newPlace } from '../support/new-place.js';
import { withDatabase, type Place } from '../support/place.js';
import { RedisService } from '../support/services/redis.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';

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

function settings(): Record<string, string> {
  return { ...place.env, MILLRACE_PORT: '0', MILLRACE_UPSTREAM_URL: sim.url };
}

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return cli(args, { cwd: place.folder, env: { ...settings(), ...env } });
}

/** What is not well; looked at from within this process, which saves the start of another one. */
async function complaints(env: Record<string, string> = {}): Promise<Finding[]> {
  const all = { ...settings(), ...env };
  const config = loadConfig({ env: all, cwd: place.folder, isTerminal: false });
  const findings = await examineDeployment(config, config.services!, false);
  return findings.filter(({ status }) => status !== 'ok');
}

/** As the first server of a deployment does. */
async function makeSchema(): Promise<void> {
  await withDatabase(place, async () => {});
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
    const { code, stdout } = await run(['doctor', '--deep'], { MILLRACE_PORT: new URL(server.url).port });
    await server.kill();
    expect(code).toBe(0);
    expect((await run(['doctor'], { MILLRACE_SECRET: 'quite-another-secret' })).code).toBe(2);
    expect(stdout).toContain(`ready at ${server.url}`);
    expect(stdout).toMatch(/1 process: all \S+/);
    for (const check of [
      'MariaDB 1|MySQL 8',
      'a single primary',
      'Redis 7',
      'an object can be written',
      'every|upstream default',
    ]) {
      expect(stdout).toMatch(new RegExp(check));
    }
    const passwords = Object.values(place.env).map((url) => /^\w+:\/\/[^:]*:([^@]+)@/.exec(url)?.[1]);
    for (const secret of passwords.filter((found) => found !== undefined)) expect(stdout).not.toContain(`:${secret}@`);
  });

  it('finds each service that is not there, and goes on with the others', async () => {
    await makeSchema();
    const found = await complaints({
      ...changed('MILLRACE_DATABASE_URL', (url) => (url.port = String(NOBODY))),
      ...changed('MILLRACE_REDIS_URL', (url) => (url.port = String(NOBODY))),
      ...changed('MILLRACE_S3_URL', (url) => (url.port = String(NOBODY))),
    });
    expect(found.map(({ check }) => check)).toEqual(['database', 'redis', 's3 put', 's3 delete']);
    for (const { message, fix } of found)
      expect([message, fix]).toEqual([expect.stringMatching(/ECONNREFUSED/), expect.any(String)]);
  });

  it('finds a wrong password, a user without rights and a deployment of another secret', async () => {
    const wrong = await complaints(changed('MILLRACE_DATABASE_URL', (url) => (url.password = 'not-this-one')));
    expect(wrong[0]).toMatchObject({ check: 'database', message: expect.stringContaining('Access denied') });
    expect(JSON.stringify(wrong)).not.toContain('not-this-one');

    await makeSchema();
    const database = new URL(place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1);
    await root.query(`DROP USER IF EXISTS reader@'127.0.0.1'`);
    await root.query(`CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reads'`);
    await root.query(`GRANT SELECT ON ${database}.* TO reader@'127.0.0.1'`);
    const reading = changed('MILLRACE_DATABASE_URL', (url) =>
      Object.assign(url, { username: 'reader', password: 'reads' }),
    );
    expect(await complaints(reading)).toMatchObject([{ check: 'database rights' }]);

    const server = TestServer.prepare({}, place);
    await server.restart();
    await server.kill();
    expect(await complaints({ MILLRACE_SECRET: 'quite-another-secret' })).toMatchObject([
      { check: 'secret', fix: expect.stringContaining('MILLRACE_SECRET') },
    ]);
  });

  it('finds a bucket that goes with another database', async () => {
    const server = TestServer.prepare({}, place);
    await server.restart();
    await server.kill();
    expect(await complaints()).toEqual([]);
    const elsewhere = changed('MILLRACE_S3_URL', (url) => (url.pathname += '/elsewhere'));
    expect(await complaints(elsewhere), 'nobody has it, and nothing is stored yet').toEqual([]);
    await place.alter("UPDATE setting SET value = 'other' WHERE name = 'deployment_id'");
    expect(await complaints()).toMatchObject([
      { check: 'bucket owner', status: 'failed', fix: expect.stringMatching(/MILLRACE_S3_URL.* write other into/) },
    ]);
  });

  it('finds settings of Redis that lose calls, a user that may not send them, and one that is full', async () => {
    await makeSchema();
    const redis = await RedisService.start({ config: ['--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru'] });
    try {
      const evicting = await complaints({ MILLRACE_REDIS_URL: redis.url });
      expect(evicting).toMatchObject([{ check: 'redis-eviction' }]);
      await redis.client().config('SET', 'maxmemory-policy', 'noeviction');
      await redis.client().acl('SETUSER', 'narrow', 'on', '>narrow', '~other*', '&*', '+@all');
      const narrow = await complaints({ MILLRACE_REDIS_URL: redis.url.replace('//', '//narrow:narrow@') });
      expect(narrow).toMatchObject([{ check: 'redis-rights', fix: expect.stringContaining('keys and channels') }]);
      await redis.client().acl('SETUSER', 'deaf', 'on', '>deaf', '~{millrace*', '&{millrace*', '+@all', '-brpoplpush');
      const deaf = await complaints({ MILLRACE_REDIS_URL: redis.url.replace('//', '//deaf:deaf@') });
      expect(deaf).toMatchObject([{ check: 'redis-rights', message: expect.stringContaining('may not BRPOPLPUSH') }]);
      await redis.client().config('SET', 'maxmemory', '1');
      const full = await complaints({ MILLRACE_REDIS_URL: redis.url });
      expect(full).toMatchObject([{ check: 'redis-memory', fix: expect.stringContaining('more memory') }]);
    } finally {
      await redis.stop();
    }
  });

  it('finds a user of the event bus who may do more than add reports', async () => {
    await makeSchema();
    const redis = await RedisService.start();
    try {
      const { hostname, port } = new URL(redis.url);
      const reported = {
        MILLRACE_REDIS_URL: redis.url,
        MILLRACE_EVENTBUS_URL: `redis://reporter:it@${hostname}:${port}`,
      };
      const [unknown] = await complaints(reported);
      expect(unknown).toMatchObject({ check: 'eventbus', status: 'failed' });
      const { fix } = unknown!;
      const rules = fix!.replace('PASSWORD', 'it').replaceAll("'", '').split(' ').slice(3);
      await redis.client().acl('SETUSER', 'reporter', ...rules);
      expect(await complaints(reported)).toEqual([]);
      await redis.client().acl('SETUSER', 'reporter', '+get', '~*');
      expect(await complaints(reported)).toMatchObject([{ check: 'eventbus-rights', status: 'failed', fix }]);
    } finally {
      await redis.stop();
    }
  });

  it('finds migrations that are to run, and tables that were changed by hand', async () => {
    expect(await complaints()).toMatchObject([{ check: 'schema', fix: 'millrace migrate' }]);
    await makeSchema();
    expect(await complaints()).toEqual([]);
    await place.alter('ALTER TABLE tenant ADD COLUMN mine BIGINT NULL');
    expect(await complaints()).toMatchObject([{ check: 'schema' }]);
  });
});

it('millrace backup says how a deployment is backed up', async () => {
  const { code, stderr } = await run(['backup', 'copy.tar']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/embedded mode[^]*mysqldump[^]*bucket[^]*MILLRACE_SECRET/)]);
});

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
