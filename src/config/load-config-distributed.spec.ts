import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { databaseTls } from './database-url.js';
import { toldUrl } from './eventbus-url.js';
import { loadConfig } from './load-config.js';

type Values = Record<string, string | undefined>;

// Where no .env is.
const load = (env: Values = {}) => loadConfig({ env, cwd: '/', isTerminal: false });

function problemsOf(env: Values): readonly ConfigProblem[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const KEY = 'k'.repeat(16);
const CA = join(import.meta.dirname, '../../test/support/services/tls/ca.pem');
const DISTRIBUTED = {
  MILLRACE_MODE: 'distributed',
  MILLRACE_DATABASE_URL: 'mysql://u:p@db/millrace',
  MILLRACE_REDIS_URL: 'redis://:p@cache:6379',
  MILLRACE_S3_URL: 'http://k:s@store:9000/bucket',
  MILLRACE_ADMIN_KEY: KEY,
  MILLRACE_SECRET: KEY,
};

describe('a server', () => {
  it('stands on services and shared secrets when distributed, and asks for all that are missing at once', () => {
    const problems = problemsOf({ MILLRACE_MODE: 'distributed', MILLRACE_ROLE: 'api' });
    expect(problems.map(({ variable }) => variable)).toEqual([
      'MILLRACE_DATABASE_URL',
      'MILLRACE_REDIS_URL',
      'MILLRACE_S3_URL',
      'MILLRACE_ADMIN_KEY',
      'MILLRACE_SECRET',
    ]);
    const config = load({ ...DISTRIBUTED, MILLRACE_ROLE: 'engine' });
    expect([config.mode, config.role]).toEqual(['distributed', 'engine']);
    expect(config.services).toEqual({
      databaseUrl: DISTRIBUTED.MILLRACE_DATABASE_URL,
      redisUrl: DISTRIBUTED.MILLRACE_REDIS_URL,
      s3Url: DISTRIBUTED.MILLRACE_S3_URL,
      eventbusUrl: null,
    });
  });

  it.each([
    ['redis://cache:6379', 'names no user of its own'],
    ['redis://:p@cache:6379', 'names no user of its own'],
    ['redis://default:p@cache:6379', 'names no user of its own'],
    ['redis://reporter@cache:6379', 'names no user of its own'],
    ['redis://server:p@cache:6379', 'names the user of MILLRACE_REDIS_URL'],
    ['redis://reporter:p@cache:6379/2', 'names database 2, but MILLRACE_REDIS_URL names database 0'],
    ['http://reporter:p@cache:6379', 'has a value that is not allowed (environment)'],
  ])('tells workers of no user who may do what it may itself: %s', (url, wrong) => {
    const env = { ...DISTRIBUTED, MILLRACE_REDIS_URL: 'redis://server:p@cache:6379', MILLRACE_EVENTBUS_URL: url };
    expect(problemsOf(env)).toMatchObject([{ variable: 'MILLRACE_EVENTBUS_URL', wrong }]);
  });

  it.each([
    ['ssl=true', 'has a parameter that is not known'],
    ['sslmode=REQUIRED', 'has a parameter that is not known'],
    ['tls=on&ssl={"rejectUnauthorized":false}', 'has a parameter that is not known'],
    ['tls=on&tls=skip-verify', 'has a parameter twice'],
    ['tls=true', 'has another `tls`'],
    ['tls=', 'has another `tls`'],
    ['tls_ca=/ca.pem', 'has `tls_ca` without `tls=on`'],
    ['tls=skip-verify&tls_ca=/ca.pem', 'has `tls_ca` without `tls=on`'],
    ['tls=on&tls_ca=ca.pem', 'has a `tls_ca` that is not an absolute path'],
  ])('takes no parameter of the database that it would not keep: %s', (query, wrong) => {
    const MILLRACE_DATABASE_URL = `mysql://u:p@db/millrace?${query}`;
    const allowed = expect.stringContaining('?tls=on') as string;
    const problem = { variable: 'MILLRACE_DATABASE_URL', wrong: `${wrong} (environment)`, allowed };
    expect(problemsOf({ ...DISTRIBUTED, MILLRACE_DATABASE_URL })).toEqual([problem]);
  });

  it.each([
    ['db/millrace', null],
    ['db/millrace?tls=on', { isVerified: true, caPath: null }],
    [`db/millrace?tls=on&tls_ca=${CA}`, { isVerified: true, caPath: CA }],
    ['10.0.0.1/millrace?tls=skip-verify', { isVerified: false, caPath: null }],
  ])('speaks to the database as its URL says: %s', (rest, tls) => {
    const MILLRACE_DATABASE_URL = `mysql://u:p@${rest}`;
    expect(problemsOf({ ...DISTRIBUTED, MILLRACE_DATABASE_URL })).toEqual([]);
    expect(databaseTls(MILLRACE_DATABASE_URL)).toEqual(tls);
  });

  it.each(['10.0.0.1', '[::1]'])('wants the name that the certificate has, not %s', (host) => {
    const MILLRACE_DATABASE_URL = `mysql://u:p@${host}/millrace?tls=on`;
    expect(problemsOf({ ...DISTRIBUTED, MILLRACE_DATABASE_URL })).toMatchObject([
      { variable: 'MILLRACE_DATABASE_URL', wrong: expect.stringContaining('an IP address') as string },
    ]);
    expect(() => databaseTls(MILLRACE_DATABASE_URL)).toThrow(RangeError);
  });

  it('tells workers of a user of their own', () => {
    const url = 'rediss://reporter:p%40@cache.example';
    expect(load({ ...DISTRIBUTED, MILLRACE_EVENTBUS_URL: url }).services).toMatchObject({ eventbusUrl: url });
    expect(toldUrl(url)).toBe('rediss://reporter:p%40@cache.example:6379/0');
    expect(problemsOf({ MILLRACE_EVENTBUS_URL: url })).toMatchObject([
      { variable: 'MILLRACE_EVENTBUS_URL', wrong: 'is set, but MILLRACE_MODE is embedded' },
    ]);
  });

  it('does not let an embedded server believe that it uses other services', () => {
    expect(load().services).toBeNull();
    const { MILLRACE_REDIS_URL } = DISTRIBUTED;
    expect(problemsOf({ MILLRACE_REDIS_URL })).toMatchObject([
      { variable: 'MILLRACE_REDIS_URL', wrong: 'is set, but MILLRACE_MODE is embedded' },
    ]);
  });
});
