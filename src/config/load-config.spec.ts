import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { VARIABLES } from './env.dto.js';
import { isLoopbackHost, loadConfig, loadConfigFromProcess } from './load-config.js';

type Values = Record<string, string | undefined>;

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const load = (env: Values = {}, isTerminal = false) => loadConfig({ env, cwd, isTerminal });

function problemsOf(env: Values): readonly ConfigProblem[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const writeDotenv = (text: string) => writeFileSync(join(cwd, '.env'), text);
const KEY = 'k'.repeat(16);
/** What a good value of each variable looks like in the config. */
const GOOD: [name: string, text: string, pick: (config: ReturnType<typeof load>) => unknown, value: unknown][] = [
  ['MILLRACE_MODE', 'embedded', (c) => c.mode, 'embedded'],
  ['MILLRACE_ROLE', 'all', (c) => c.role, 'all'],
  ['MILLRACE_HOST', '::', (c) => c.host, '::'],
  ['MILLRACE_PORT', '0', (c) => c.port, 0],
  ['MILLRACE_DATA_DIR', '/srv/millrace', (c) => c.dataDir, '/srv/millrace'],
  ['MILLRACE_ADMIN_KEY', KEY, (c) => c.adminKey, KEY],
  ['MILLRACE_AUTH', 'off', (c) => c.authEnabled, false],
  ['MILLRACE_SECRET', KEY, (c) => c.secret, KEY],
  ['MILLRACE_UPSTREAM_URL', 'http://h:1/v1//', (c) => c.upstream, { url: 'http://h:1/v1', key: null, concurrency: 64 }],
  ['MILLRACE_HANDLERS', '/srv/handlers.mjs', (c) => c.handlersPath, '/srv/handlers.mjs'],
  ['MILLRACE_CALLBACK_ALLOW', 'hooks.lan, 10.0.0.0/8 ::1', (c) => c.callbackAllow, ['hooks.lan', '10.0.0.0/8', '::1']],
  ['MILLRACE_MAX_LINES', '100', (c) => c.limits.maxLines, 100],
  ['MILLRACE_MAX_FILE_BYTES', '1GB', (c) => c.limits.maxFileBytes, 1e9],
  ['MILLRACE_MAX_BATCH_BYTES', '1GiB', (c) => c.limits.maxBatchBytes, 2 ** 30],
  ['MILLRACE_MAX_LINE_BYTES', '1024', (c) => c.limits.maxLineBytes, 1024],
  ['MILLRACE_MAX_BODY', '2KiB', (c) => c.limits.maxBodyBytes, 2048],
  ['MILLRACE_MAX_RESULT', '3KiB', (c) => c.limits.maxResultBytes, 3072],
  ['MILLRACE_MIN_FREE_DISK', '0', (c) => c.limits.minFreeDiskBytes, 0],
  ['MILLRACE_MAX_TRIES', '1', (c) => c.limits.maxTries, 1],
  ['MILLRACE_CANCEL_GRACE', '0s', (c) => c.times.cancelGraceMs, 0],
  ['MILLRACE_SHUTDOWN_GRACE', '1m', (c) => c.times.shutdownGraceMs, 60_000],
  ['MILLRACE_REQUEST_TIMEOUT', '500ms', (c) => c.times.requestTimeoutMs, 500],
  ['MILLRACE_IDLE_TIMEOUT', '2s', (c) => c.times.idleTimeoutMs, 2_000],
  ['MILLRACE_FILE_TTL', '24h', (c) => c.times.fileTtlMs, 86_400_000],
  ['MILLRACE_RETENTION', '1d', (c) => c.times.retentionMs, 86_400_000],
  ['MILLRACE_DEAD_LETTER_RETENTION', '2d', (c) => c.times.deadLetterRetentionMs, 172_800_000],
  ['MILLRACE_BATCH_RETENTION', '3d', (c) => c.times.batchRetentionMs, 259_200_000],
  ['MILLRACE_AUDIT_RETENTION', '4d', (c) => c.times.auditRetentionMs, 345_600_000],
  ['MILLRACE_LOG_LEVEL', 'debug', (c) => c.log.level, 'debug'],
  ['MILLRACE_LOG_FORMAT', 'pretty', (c) => c.log.format, 'pretty'],
  ['MILLRACE_TEST_CRASH_AT', 'write:batch-lines:after:5', (c) => c.crashAt, 'write:batch-lines:after:5'],
];

/** Values that each variable refuses by itself. */
const BAD: Record<string, string[]> = {
  MILLRACE_MODE: ['standalone', 'Embedded'],
  MILLRACE_ROLE: ['worker'],
  MILLRACE_HANDLERS: ['./handlers.ts', 'handlers', 'js'],
  MILLRACE_HOST: ['a b', 'http://localhost', '127.0.0.1:80', '999.1.1.1', '*'],
  MILLRACE_PORT: ['65536', '-1', '80.5', 'http', '0x50', 'tcp://10.0.0.1:80'],
  MILLRACE_ADMIN_KEY: ['k'.repeat(15), `${KEY} ${KEY}`, `${KEY}ü`],
  MILLRACE_AUTH: ['true', 'ON', '0'],
  MILLRACE_SECRET: ['s'.repeat(15)],
  MILLRACE_DATABASE_URL: ['db:3306', 'postgres://db/millrace'],
  MILLRACE_REDIS_URL: ['cache:6379', 'http://cache:6379'],
  MILLRACE_EVENTBUS_URL: ['cache:6379', 'http://u:p@cache:6379'],
  MILLRACE_S3_URL: ['bucket', 'ftp://store/bucket'],
  MILLRACE_UPSTREAM_URL: [
    'localhost:8000/v1',
    'ftp://h/v1',
    'http://',
    'http:///v1',
    'http:h/v1',
    'http://user:password@h/v1',
    'http://user@h/v1',
    'http://@h/v1',
    'http://h/v1?key=x',
    'http://h/v1#x',
    'http://h:99999/v1',
    'http://h:0/v1',
    'http://h/50%',
    'http://me:a/b@h/v1',
    'http://h/a b',
  ],
  MILLRACE_UPSTREAM_KEY: ['two words', 'ключ'],
  MILLRACE_CALLBACK_ALLOW: [
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0',
    'http://a',
    'a b_!',
    '[::1]',
  ],
  MILLRACE_UPSTREAM_CONCURRENCY: ['0', '10001', 'many'],
  MILLRACE_MAX_LINES: ['0', '50,000'],
  MILLRACE_MAX_FILE_BYTES: ['0', '2TiB', '1 gigabyte'],
  MILLRACE_MAX_BATCH_BYTES: ['-5MiB'],
  MILLRACE_MAX_LINE_BYTES: ['0', '257MiB'],
  MILLRACE_MAX_BODY: ['0', '1GiB'],
  MILLRACE_MAX_RESULT: ['0', '1GiB'],
  MILLRACE_MIN_FREE_DISK: ['5%'],
  MILLRACE_MAX_TRIES: ['0', '101'],
  MILLRACE_CANCEL_GRACE: ['60', '25h'],
  MILLRACE_SHUTDOWN_GRACE: ['never', '2d'],
  MILLRACE_REQUEST_TIMEOUT: ['0s', '10'],
  MILLRACE_IDLE_TIMEOUT: ['0ms', '2d'],
  MILLRACE_FILE_TTL: ['999ms', '3651d'],
  MILLRACE_RETENTION: ['0d', '1y'],
  MILLRACE_DEAD_LETTER_RETENTION: ['0d', '90'],
  MILLRACE_BATCH_RETENTION: ['never', '1y'],
  MILLRACE_AUDIT_RETENTION: ['0', '99999d'],
  MILLRACE_LOG_LEVEL: ['verbose', 'INFO'],
  MILLRACE_LOG_FORMAT: ['xml'],
  MILLRACE_TEST_CRASH_AT: ['a b', 'name:0', ':5', 'name:5:'],
};
/** Any text is a path. */
const TAKES_ANYTHING = ['MILLRACE_DATA_DIR'];

describe('values', () => {
  it('has a default for everything', () => {
    expect(load()).toEqual({
      mode: 'embedded',
      role: 'all',
      host: '127.0.0.1',
      port: 8080,
      dataDir: join(cwd, 'data'),
      adminKey: null,
      authEnabled: true,
      secret: null,
      services: null,
      upstream: null,
      callbackAllow: [],
      handlersPath: null,
      limits: {
        maxLines: 50_000,
        maxFileBytes: 512 * 2 ** 20,
        maxBatchBytes: 200 * 2 ** 20,
        maxLineBytes: 10 * 2 ** 20,
        maxBodyBytes: 16 * 2 ** 20,
        maxResultBytes: 64 * 2 ** 20,
        minFreeDiskBytes: 512 * 2 ** 20,
        maxTries: 5,
      },
      times: {
        cancelGraceMs: 60_000,
        shutdownGraceMs: 30_000,
        requestTimeoutMs: 600_000,
        idleTimeoutMs: 120_000,
        fileTtlMs: 30 * 86_400_000,
        retentionMs: 30 * 86_400_000,
        deadLetterRetentionMs: 90 * 86_400_000,
        batchRetentionMs: 365 * 86_400_000,
        auditRetentionMs: 365 * 86_400_000,
      },
      log: { level: 'info', format: 'json' },
      crashAt: null,
    });
  });

  it.each(GOOD)('%s=%s reaches the config', (name, text, pick, value) => {
    expect(pick(load({ [name]: text }))).toEqual(value);
  });

  it('reads the whole upstream', () => {
    const env = {
      MILLRACE_UPSTREAM_URL: 'https://api.example.com/v1',
      MILLRACE_UPSTREAM_KEY: 'sk-1',
      MILLRACE_UPSTREAM_CONCURRENCY: '8',
    };
    expect(load(env).upstream).toEqual({ url: 'https://api.example.com/v1', key: 'sk-1', concurrency: 8 });
  });

  it.each(['http://[::1]:8000/v1', 'http://my_model:8000', 'HTTPS://10.0.0.1/a/b'])('takes the base URL %s', (url) =>
    expect(load({ MILLRACE_UPSTREAM_URL: url }).upstream?.url).toBe(url),
  );

  it.each(['0.0.0.0', '::1', 'localhost', 'my_host', 'db-1.example.com'])('takes the host %s', (host) =>
    expect(load({ MILLRACE_HOST: host }).host).toBe(host),
  );

  it('trims values, and takes an empty one as not set', () => {
    const config = load({ MILLRACE_PORT: ' 81 ', MILLRACE_HOST: '', MILLRACE_ADMIN_KEY: '  ', MILLRACE_AUTH: '' });
    expect(config).toMatchObject({ port: 81, host: '127.0.0.1', adminKey: null, authEnabled: true });
  });

  it('logs prettily on a terminal, unless told otherwise', () => {
    expect(load({}, true).log.format).toBe('pretty');
    expect(load({ MILLRACE_LOG_FORMAT: 'json' }, true).log.format).toBe('json');
  });

  it('is frozen all the way down', () => {
    const config = load({ MILLRACE_UPSTREAM_URL: 'http://h/v1' });
    for (const part of [config, config.limits, config.times, config.log, config.upstream]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('reads this process, after what the command line says', () => {
    vi.stubEnv('MILLRACE_PORT', '81');
    vi.stubEnv('MILLRACE_HOST', '::1');
    const config = loadConfigFromProcess({ MILLRACE_PORT: '4711', MILLRACE_HOST: undefined });
    expect(config).toMatchObject({ port: 4711, host: '::1' });
    vi.unstubAllEnvs();
  });
});

describe('problems', () => {
  it.each(VARIABLES.map(({ name }) => name).filter((name) => !TAKES_ANYTHING.includes(name)))(
    '%s: bad values',
    (name) => {
      const texts = BAD[name] ?? [];
      expect(texts).not.toEqual([]);
      const allowed = `it takes ${VARIABLES.find((variable) => variable.name === name)!.allowed}`;
      for (const text of texts) {
        // The upstream's other variables want its URL.
        const rest = name === 'MILLRACE_UPSTREAM_KEY' ? { MILLRACE_UPSTREAM_URL: 'http://h/v1' } : {};
        expect(problemsOf({ ...rest, [name]: text }), text).toEqual([
          { variable: name, wrong: expect.stringContaining('(environment)'), allowed },
        ]);
      }
    },
  );

  it.each([
    ['h/v1', 'does not begin with http:// or https://'],
    ['http://', 'names no host'],
    ['http://me:hush@h/v1', 'has credentials'],
    ['http://h/v1?key=hush', 'has a query (?…) or a fragment (#…)'],
    ['http://h:0/v1', 'has a port that is none: there are those from 1 to 65535'],
    ['http://h:99999/v1', 'has a port that is none: there are those from 1 to 65535'],
    ['http://h:eighty/v1', 'is no URL'],
    ['http://h/50%/v1', 'has a % that escapes nothing; % itself is written as %25'],
  ])('says what is wrong with the upstream %s', (url, wrong) => {
    expect(problemsOf({ MILLRACE_UPSTREAM_URL: url })).toMatchObject([{ wrong: `${wrong} (environment)` }]);
  });

  it('lists all of them at once, each with its name, value and what is allowed', () => {
    writeDotenv('MILLRACE_MAX_TRIES=none\n');
    const env = { MILLRACE_PORT: 'x', MILLRACE_ROLE: 'api', MILLRACE_PROT: '1', MILLRACE_SECRET_FILE: 'absent' };
    expect(() => load(env)).toThrow(
      [
        'The configuration has 5 problems:',
        "  MILLRACE_PORT cannot be 'x' (environment); it takes a whole number from 0 to 65535",
        "  MILLRACE_MAX_TRIES cannot be 'none' (.env file); it takes a whole number from 1 to 100",
        "  MILLRACE_ROLE cannot be 'api' when MILLRACE_MODE is embedded; it takes `all`",
        `  MILLRACE_SECRET_FILE names ${join(cwd, 'absent')}, which cannot be read (ENOENT); it takes the path of a file with the value`,
        '  MILLRACE_PROT is not a known variable (environment); did you mean MILLRACE_PORT?',
      ].join('\n'),
    );
  });

  it('never quotes a secret, nor a URL that may hold one', () => {
    const canary = 'canary-7f3a';
    const problems = problemsOf({
      MILLRACE_ADMIN_KEY: canary,
      MILLRACE_SECRET: canary,
      MILLRACE_UPSTREAM_KEY: `${canary} ${canary}`,
      MILLRACE_UPSTREAM_URL: `http://me:${canary}@h/v1`,
      MILLRACE_ADMIN_KEYS: canary,
    });
    expect(problems).toHaveLength(5);
    expect(new ConfigError(problems).message).not.toContain(canary);
  });

  it.each([
    ['MILLRACE_UPSTREAM', 'MILLRACE_UPSTREAM_URL'],
    ['MILLRACE_LOGLEVEL', 'MILLRACE_LOG_LEVEL'],
    ['MILLRACE_DATADIR', 'MILLRACE_DATA_DIR'],
    ['MILLRACE_ADMIN_KEY_FIL', 'MILLRACE_ADMIN_KEY_FILE'],
    ['MILLRACE_PORT_FILE', 'MILLRACE_PORT'],
    ['MILLRACE_MAX_LINE', 'MILLRACE_MAX_LINES'],
    ['MILLRACE_MAX_BODY_BYTES', 'MILLRACE_MAX_BODY'],
  ])('%s: did you mean %s?', (key, known) => {
    const problems = problemsOf({ [key]: 'x' });
    expect(problems).toEqual([
      { variable: key, wrong: 'is not a known variable (environment)', allowed: `did you mean ${known}?` },
    ]);
  });

  it('knows the variables that Kubernetes adds by itself', () => {
    const [problem] = problemsOf({ MILLRACE_SERVICE_HOST: '10.0.0.1' });
    expect(problem?.allowed).toContain('enableServiceLinks: false');
  });

  it('leaves the variables of others alone', () => {
    writeDotenv('OTHER_PORT=x\n');
    expect(load({ PORT: 'x', millrace_port: 'x' }).port).toBe(8080);
  });

  it('wants keys wherever others can call', () => {
    expect(problemsOf({ MILLRACE_AUTH: 'off', MILLRACE_HOST: '0.0.0.0' })).toMatchObject([
      { variable: 'MILLRACE_AUTH', wrong: "cannot be 'off' when MILLRACE_HOST is 0.0.0.0" },
    ]);
    expect(load({ MILLRACE_AUTH: 'off', MILLRACE_HOST: 'localhost' }).authEnabled).toBe(false);
    expect(load({ MILLRACE_AUTH: 'on', MILLRACE_HOST: '0.0.0.0' }).authEnabled).toBe(true);
  });

  it('wants a URL to send the upstream key to', () => {
    expect(problemsOf({ MILLRACE_UPSTREAM_KEY: 'sk-1' })).toMatchObject([{ variable: 'MILLRACE_UPSTREAM_KEY' }]);
  });

  it('blames one cause once', () => {
    const refused = problemsOf({ MILLRACE_AUTH: 'off', MILLRACE_HOST: 'a b', MILLRACE_ROLE: 'x' });
    expect(refused.map(({ variable }) => variable)).toEqual(['MILLRACE_ROLE', 'MILLRACE_HOST']);
  });
});

describe('the .env file', () => {
  it('counts where the environment says nothing', () => {
    writeDotenv('# a comment\nMILLRACE_PORT=81\nexport MILLRACE_HOST="::1"\nMILLRACE_MAX_LINES=10\n');
    const config = load({ MILLRACE_PORT: '82', MILLRACE_MAX_LINES: '' });
    expect(config).toMatchObject({ port: 82, host: '::1', limits: { maxLines: 50_000 } });
  });

  it('is checked like the environment', () => {
    writeDotenv('MILLRACE_PRT=81\n');
    expect(problemsOf({})).toEqual([
      {
        variable: 'MILLRACE_PRT',
        wrong: 'is not a known variable (.env file)',
        allowed: 'did you mean MILLRACE_PORT?',
      },
    ]);
  });

  it('must be readable if it is there', () => {
    mkdirSync(join(cwd, '.env'));
    expect(problemsOf({})).toMatchObject([{ variable: '.env', wrong: expect.stringContaining('EISDIR') }]);
  });
});

describe('secrets in files', () => {
  it('are read and trimmed, from paths that start at the working folder', () => {
    writeFileSync(join(cwd, 'admin.key'), `${KEY}\n`);
    expect(load({ MILLRACE_ADMIN_KEY_FILE: 'admin.key' }).adminKey).toBe(KEY);
    expect(load({ MILLRACE_ADMIN_KEY_FILE: join(cwd, 'admin.key') }).adminKey).toBe(KEY);
  });

  it('cannot be given in both ways', () => {
    writeFileSync(join(cwd, 'admin.key'), KEY);
    expect(problemsOf({ MILLRACE_ADMIN_KEY_FILE: 'admin.key', MILLRACE_ADMIN_KEY: KEY })).toEqual([
      {
        variable: 'MILLRACE_ADMIN_KEY',
        wrong: 'and MILLRACE_ADMIN_KEY_FILE are both set (environment)',
        allowed: 'set only one of them',
      },
    ]);
  });

  it('win over the .env file when the environment names them', () => {
    writeDotenv(`MILLRACE_SECRET=${'d'.repeat(16)}\n`);
    writeFileSync(join(cwd, 'seal'), KEY);
    expect(load({ MILLRACE_SECRET_FILE: 'seal' }).secret).toBe(KEY);
  });

  it('must not be empty, and are checked like values', () => {
    writeFileSync(join(cwd, 'empty'), '\n');
    writeFileSync(join(cwd, 'short'), 'abc');
    expect(problemsOf({ MILLRACE_SECRET_FILE: 'empty', MILLRACE_ADMIN_KEY_FILE: 'short' })).toMatchObject([
      { variable: 'MILLRACE_ADMIN_KEY', wrong: 'has a value that is not allowed (MILLRACE_ADMIN_KEY_FILE)' },
      { variable: 'MILLRACE_SECRET_FILE', wrong: expect.stringContaining('is empty') },
    ]);
  });
});

it.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['Localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.evil.example', false],
  ['localhost.example', false],
])('loopback: %s is %s', (host, isLoopback) => expect(isLoopbackHost(host)).toBe(isLoopback));
