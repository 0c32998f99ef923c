/** What the image, the compose file and the service name must be there, and must be what the configuration takes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AppConfig } from '../../src/config/app-config.js';
import { VARIABLES } from '../../src/config/env.dto.js';
import { loadConfig } from '../../src/config/load-config.js';
import { parseS3Url } from '../../src/config/s3-url.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { ROOT } from './source-tree.js';
// @ts-expect-error: plain JavaScript, which runs before there is a compiler
import { missingPackages, platformOf } from '../../scripts/complete-lock.js';

const { load } = createRequire(import.meta.url)('js-yaml') as { load: (text: string) => unknown };

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const exists = (path: string) => existsSync(join(ROOT, path));
const DEFAULTS = configOf({});

function configOf(env: Record<string, string>): AppConfig {
  return loadConfig({ env, cwd: join(ROOT, 'docker'), isTerminal: false });
}

function millraceIn(assignments: Iterable<readonly [string, string]>): Record<string, string> {
  const own = [...assignments].filter(([name]) => name.startsWith('MILLRACE_'));
  const known = new Set(VARIABLES.map(({ name }) => name));
  expect(own.filter(([name]) => !known.has(name))).toEqual([]);
  return Object.fromEntries(own);
}

/** Instructions of the Dockerfile, continued lines joined: keyword and the rest. */
const INSTRUCTIONS = read('docker/Dockerfile')
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .flatMap((line) => {
    const match = /^([A-Z]+)\s+(.*)$/.exec(line);
    return match ? [{ keyword: match[1]!, rest: match[2]! }] : [];
  });
const LAST_STAGE = INSTRUCTIONS.slice(INSTRUCTIONS.findLastIndex(({ keyword }) => keyword === 'FROM'));
const restOf = (keyword: string) => LAST_STAGE.filter((found) => found.keyword === keyword).map(({ rest }) => rest);
const IMAGE_ENV = millraceIn(restOf('ENV').flatMap((rest) => pairsIn(rest)));

function pairsIn(text: string): [string, string][] {
  return [...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]);
}

describe('the image', () => {
  it('copies what there is, and what it is not kept from', () => {
    const ignored = read('.dockerignore').split('\n');
    const sources = INSTRUCTIONS.filter(({ keyword, rest }) => keyword === 'COPY' && !rest.startsWith('--')).flatMap(
      ({ rest }) => rest.split(/\s+/).slice(0, -1),
    );
    expect(sources.length).toBeGreaterThan(6);
    expect(sources.filter((source) => !exists(source))).toEqual([]);
    expect(sources.filter((source) => !ignored.includes(`!${source}`))).toEqual([]);
    expect(ignored.filter((line) => line.startsWith('!') && !exists(line.slice(1)))).toEqual([]);
  });

  it('holds all that the server reads', () => {
    const copied = restOf('COPY').join(' ');
    for (const path of ['bin', 'dist', 'examples', 'migrations', 'node_modules', 'package.json']) {
      expect(copied, path).toMatch(new RegExp(`(?:^|[ /])${path.replace('.', '\\.')}(?: |$)`));
    }
    expect(restOf('CMD')).toEqual(['["node", "dist/main.js"]']);
    expect(exists('src/main.ts')).toBe(true);
  });

  it('runs as nobody special, on settings that the server takes', () => {
    expect(restOf('USER')).toEqual(['1000:1000']);
    const config = configOf(IMAGE_ENV);
    expect(config).toMatchObject({ host: '0.0.0.0', authEnabled: true, port: DEFAULTS.port });
    expect(restOf('EXPOSE')).toEqual([String(config.port)]);
    expect(restOf('VOLUME')).toEqual([config.dataDir]);
  });

  it('asks itself whether it is ready, in JavaScript that runs', () => {
    const [check] = restOf('HEALTHCHECK');
    const [program, ...args] = JSON.parse(/CMD (\[.*\])$/.exec(check!)![1]!) as string[];
    expect(program).toBe('node');
    // Nothing listens on port 1, so it says that nothing is ready; a mistake in the script would say something else.
    const { status, stderr } = spawnSync(process.execPath, args, { env: { MILLRACE_PORT: '1' } });
    expect([status, stderr.toString()]).toEqual([1, '']);
  });
});

interface Compose {
  services: {
    millrace: {
      build: { context: string; dockerfile: string };
      environment: Record<string, string>;
      ports: string[];
      volumes: string[];
      stop_grace_period: string;
      read_only: boolean;
      tmpfs: string[];
    };
  };
  volumes: Record<string, unknown>;
}

describe('the compose file', () => {
  const { services, volumes } = load(read('docker/compose.embedded.yml')) as Compose;
  const { build, environment, ports, ...service } = services.millrace;

  it('builds the image from the project', () => {
    expect(join('docker', build.context)).toBe('.');
    expect(exists(build.dockerfile)).toBe(true);
  });

  it('sets what the server takes, with nothing given', () => {
    const given = millraceIn(
      Object.entries(environment).map(([name, value]) => [name, value.replace(/^\$\{\w+:-(.*)\}$/, '$1')]),
    );
    const config = configOf({ ...IMAGE_ENV, ...given });
    expect(config.times.shutdownGraceMs).toBeLessThan(Number.parseInt(service.stop_grace_period, 10) * 1_000);
    expect(ports).toEqual([`127.0.0.1:${DEFAULTS.port}:${config.port}`]);
    const [volume, path] = service.volumes[0]!.split(':');
    expect([Object.keys(volumes), path]).toEqual([[volume], config.dataDir]);
    expect([service.read_only, service.tmpfs]).toEqual([true, ['/tmp']]);
  });
});

interface DistributedCompose {
  services: Record<
    string,
    {
      build?: { context: string; dockerfile: string };
      image: string;
      command?: string[];
      environment: Record<string, string>;
      ports?: string[];
      volumes?: string[];
      healthcheck?: { test: string[] };
      depends_on?: Record<string, { condition: string }>;
      stop_grace_period?: string;
      read_only?: boolean;
      tmpfs?: string[];
    }
  >;
  volumes: Record<string, unknown>;
}

describe('the compose file of several processes', () => {
  const text = read('docker/compose.distributed.yml');
  const { services, volumes } = load(text) as DistributedCompose;
  const OURS = ['api-1', 'api-2', 'engine-1', 'engine-2'];
  const THEIRS = ['mysql', 'redis', 's3'];
  /** Made up as the file itself says how. */
  const GIVEN: Record<string, string> = Object.fromEntries(
    [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name], place) => [name!, `${place}0123456789abcdef0123456789abcdef`]),
  );
  /** As the compose program fills it in. */
  const filled = (value: string) =>
    value.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, other: string) =>
      kind === '?' ? GIVEN[name]! : other,
    );
  const filledAll = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filled(value)]));

  it('has two processes of each role, on settings that the server takes', () => {
    const roles = OURS.map((name) => {
      const { environment, build, tmpfs, read_only, stop_grace_period } = services[name]!;
      // One of them makes the image for all.
      expect(build && join('docker', build.context), name).toBe(name === OURS[0] ? '.' : undefined);
      const config = configOf({ ...IMAGE_ENV, ...millraceIn(Object.entries(filledAll(environment))) });
      expect(config.mode).toBe('distributed');
      expect(config.times.shutdownGraceMs).toBeLessThan(Number.parseInt(stop_grace_period!, 10) * 1_000);
      // Nothing of such a process is kept on its own disk.
      expect([read_only, tmpfs]).toEqual([true, ['/tmp', `${config.dataDir}:uid=1000,gid=1000,mode=0700`]]);
      return config.role;
    });
    expect(roles).toEqual(['api', 'api', 'engine', 'engine']);
    expect(Object.keys(services)).toEqual([...OURS, ...THEIRS, 'bucket']);
    const ports = OURS.flatMap((name) => services[name]!.ports ?? []);
    expect(ports).toEqual([`127.0.0.1:8080:${DEFAULTS.port}`, `127.0.0.1:8081:${DEFAULTS.port}`]);
  });

  it('leads them to the services that it has, with the passwords that those have', () => {
    const environment = filledAll(services['api-1']!.environment);
    const { databaseUrl, redisUrl, s3Url } = configOf({
      ...IMAGE_ENV,
      ...millraceIn(Object.entries(environment)),
    }).services!;
    const [database, redis, s3] = [new URL(databaseUrl), new URL(redisUrl), parseS3Url(s3Url)];
    const [theirs, cache, store] = THEIRS.map((name) => filledAll(services[name]!.environment));
    expect([database.hostname, database.username, database.password, database.pathname]).toEqual([
      'mysql',
      theirs!['MYSQL_USER'],
      theirs!['MYSQL_PASSWORD'],
      `/${theirs!['MYSQL_DATABASE']}`,
    ]);
    expect([redis.hostname, redis.password]).toEqual(['redis', cache!['REDIS_PASSWORD']]);
    expect([new URL(s3.endpoint!).hostname, s3.credentials]).toEqual([
      's3',
      { accessKeyId: store!['MINIO_ROOT_USER'], secretAccessKey: store!['MINIO_ROOT_PASSWORD'] },
    ]);
    expect(text).toContain(`mc mb --ignore-existing local/${s3.bucket}`);
  });

  it('starts each when what it needs is well, and keeps what must not be lost', () => {
    for (const name of THEIRS) expect(services[name]!.healthcheck!.test[0], name).toMatch(/^CMD/);
    for (const name of OURS) {
      expect(services[name]!.depends_on).toEqual({
        mysql: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
        bucket: { condition: 'service_completed_successfully' },
      });
    }
    expect(services['bucket']!.depends_on).toEqual({ s3: { condition: 'service_healthy' } });
    const kept = Object.values(services).flatMap(({ volumes: own = [] }) => own.map((volume) => volume.split(':')[0]));
    expect(kept).toEqual(Object.keys(volumes));
    expect(services['redis']!.command!.join(' ')).toContain('--maxmemory-policy noeviction');
    expect([services['mysql']!.image, services['redis']!.image.slice(0, 7)]).toEqual(['mysql:8.4', 'redis:7']);
  });

  it('holds no secret, and says how to make those that it asks for', () => {
    expect(Object.keys(GIVEN).toSorted()).toEqual(/for name in (.*); do/.exec(text)![1]!.split(' ').toSorted());
    const values = Object.values(services).flatMap(({ environment }) => Object.entries(environment));
    const secrets = values.filter(([name]) => /PASSWORD$|SECRET|_KEY$|_URL$/.test(name));
    expect(secrets.length).toBeGreaterThan(20);
    const written = secrets.filter(([, value]) => !/\$\{\w+:[?-][^}]*\}/.test(value));
    expect(written).toEqual([['MYSQL_RANDOM_ROOT_PASSWORD', 'yes']]);
  });
});

describe('the service', () => {
  const text = read('docker/millrace.service');
  const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)![1]!;

  it('runs what the build makes, on settings that the server takes', () => {
    const config = configOf(
      millraceIn([...text.matchAll(/^Environment=(.*)$/gm)].flatMap(([, pair]) => pairsIn(pair!))),
    );
    expect(config.dataDir).toBe(`/var/lib/${valueOf('StateDirectory')}`);
    expect(valueOf('ExecStart')).toMatch(/^\/usr\/bin\/node \/opt\/millrace\/dist\/main\.js$/);
    expect(Number.parseInt(valueOf('TimeoutStopSec'), 10) * 1_000).toBeGreaterThan(config.times.shutdownGraceMs);
    const copied = /cp -r (.*) \/opt\/millrace\//.exec(text)![1]!.split(' ');
    expect(copied.filter((path) => !['dist', 'node_modules'].includes(path) && !exists(path))).toEqual([]);
  });

  it.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('is one that systemd understands', async () => {
    const folder = await makeTemporaryFolder();
    const unit = join(folder.path, 'millrace.service');
    writeFileSync(unit, text.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath} --version`));
    expect(execFileSync('systemd-analyze', ['verify', unit], { stdio: 'pipe' }).toString()).toBe('');
    await folder.remove();
  });
});

describe('the lock file', () => {
  it('holds every package that another asks for, those of other platforms too, or npm ci refuses it', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: object };
    expect(missingPackages(packages), 'node scripts/complete-lock.js enters them').toEqual([]);
  });

  it('is looked through as Node looks for packages', () => {
    const of = (packages: object) => (missingPackages(packages) as { name: string }[]).map(({ name }) => name);
    const asks = { dependencies: { b: '1' }, optionalDependencies: { c: '2' } };
    expect(of({ 'node_modules/a': asks })).toEqual(['b', 'c']);
    expect(of({ 'node_modules/a': asks, 'node_modules/b': {}, 'node_modules/a/node_modules/c': {} })).toEqual([]);
    expect(of({ 'node_modules/x/node_modules/a': asks, 'node_modules/x/node_modules/b': {} })).toEqual(['c']);
  });

  it.each([
    ['@oxlint/binding-linux-x64-musl', { cpu: ['x64'], libc: ['musl'], os: ['linux'] }],
    ['@oxlint/binding-linux-arm-gnueabihf', { cpu: ['arm'], libc: ['glibc'], os: ['linux'] }],
    ['@oxlint-tsgolint/win32-arm64', { cpu: ['arm64'], os: ['win32'] }],
    ['left-pad', null],
  ])('takes the platform of %s from its name', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });
});
