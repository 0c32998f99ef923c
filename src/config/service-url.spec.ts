import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { databasePlace, describeDatabaseUrl } from './database-url.js';
import { loadConfig } from './load-config.js';

const KEY = 'k'.repeat(16);
const RIGHT = {
  MILLRACE_MODE: 'distributed',
  MILLRACE_DATABASE_URL: 'mysql://u:p@db/millrace',
  MILLRACE_REDIS_URL: 'redis://server:p@cache:6379',
  MILLRACE_S3_URL: 'http://k:s@store:9000/bucket',
  MILLRACE_ADMIN_KEY: KEY,
  MILLRACE_SECRET: KEY,
};

function problemsOf(env: Readonly<Record<string, string>>): readonly ConfigProblem[] {
  try {
    loadConfig({ env: { ...RIGHT, ...env }, cwd: '/', isTerminal: false });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** What a mistake in the URL is, what is said of it, and what is said to do. Whatever is secret in it is `hush`. */
type Mistakes = readonly (readonly [url: string, wrong: string, allowed: string])[];

const mistakesOfAny = (scheme: string, path: string): Mistakes => [
  [`${scheme}://u:hush%zz@h${path}`, 'has a % in the user or password that escapes nothing', '%25'],
  [`${scheme}://u%:hush@h${path}`, 'has a % in the user or password that escapes nothing', '%25'],
  [`${scheme}://u:hush%E4@h${path}`, 'has a % in the user or password that escapes nothing', 'UTF-8'],
  [`${scheme}://u:p@h%zz${path}`, 'has a % that escapes nothing', '%25'],
  [`${scheme}://u:hush/x@h:1${path}`, 'has an @ behind the host', '%2F'],
  [`${scheme}://u:12/hush@h:1${path}`, 'has an @ behind the host', '%2F'],
  [`${scheme}://u:12?hush@h:1${path}`, 'has an @ behind the host', '%3F'],
  [`${scheme}://u:12#hush@h:1${path}`, 'has an @ behind the host', '%23'],
  [`${scheme}://u:p@h:0${path}`, 'has a port that is none', 'from 1 to 65535, or none, which means'],
  [`${scheme}://u:p@h:99999${path}`, 'has a port that is none', 'from 1 to 65535'],
  [`${scheme}://u:p@h:port${path}`, 'has a port that is none', 'from 1 to 65535'],
  [`${scheme}://u:p@[::1]:0${path}`, 'has a port that is none', 'from 1 to 65535'],
  [`${scheme}://u:hush@${path}`, 'names no host', `${scheme}://`],
  [`${scheme}://u:hush@:1${path}`, 'names no host', `${scheme}://`],
  [`${scheme}://u:hush@::1:2${path}`, 'names no host', `${scheme}://`],
  [`${scheme}://u:hush@[::1${path}`, 'is no URL', `${scheme}://`],
  [`${scheme}://u:hush@h${path}#x`, 'has a fragment (#…)', '%23'],
];
const OF_REDIS: Mistakes = [
  ...mistakesOfAny('redis', '/1'),
  ['redis://u:hush@h/one', 'names a database that is no number', '`/number`'],
  ['redis://u:hush@h/-1', 'names a database that is no number', '`/number`'],
  ['redis://u:hush@h/1/', 'names a database that is no number', '`/number`'],
  ['redis://u:hush@h?db=1', 'has `db` as a parameter', '`/number`'],
  ['rediss://u:hush@h/50%', 'has a % that escapes nothing', '%25'],
];
const MISTAKES: Readonly<Record<string, Mistakes>> = {
  MILLRACE_DATABASE_URL: [
    ...mistakesOfAny('mysql', '/db'),
    ['mysql://', 'names no host', 'mysql://user:password@host:3306/database'],
    ['mysql://u:hush@h', 'names no database', 'end the path in its name'],
    ['mysql://u:hush@h/', 'names no database', 'end the path in its name'],
    ['mysql://u:hush@h/db/', 'has more than the name of a database', 'take away the /'],
    ['mariadb://u:hush@h/db?tls=maybe', 'has another `tls`', '?tls=on'],
  ],
  MILLRACE_REDIS_URL: OF_REDIS,
  MILLRACE_EVENTBUS_URL: OF_REDIS,
  MILLRACE_S3_URL: [
    ['http://a:hush@127.0.0.1:1/b', 'has a bucket with a name that cannot be: one has 2 to 63 letters', 's3://bucket'],
    ['s3://B', 'has a bucket with a name that cannot be: one has 2 to 63 letters', 's3://bucket'],
    ['http://127.0.0.1:1/bucket', 'has no KEY:SECRET@ in front of the host', 'http(s)://KEY:SECRET@host'],
    ['https://k:hush%zz@h/bucket', 'has a % in KEY or SECRET that escapes nothing', 'http(s)://KEY:SECRET@host'],
    ['https://k:hush/x@h/bucket', 'has an @ behind the host', '%2F'],
    ['https://k:12?hush@h/bucket', 'has an @ behind the host', '%3F'],
    ['https://k:hush@h:0/bucket', 'has a port that is none', 'from 1 to 65535'],
    ['https://k:hush@h:99999/bucket', 'has a port that is none', 'from 1 to 65535'],
    ['https://k:hush@/bucket', 'names no host', 'http(s)://KEY:SECRET@host'],
    ['s3://bucket:9000', 'has a port', 'http(s)://KEY:SECRET@host'],
  ],
};

describe('the URL of a service', () => {
  it.each(
    Object.entries(MISTAKES).flatMap(([name, mistakes]) => mistakes.map((mistake) => [name, ...mistake] as const)),
  )('%s=%s %s', (variable, url, wrong, allowed) => {
    const problems = problemsOf({ [variable]: url });
    expect(problems).toEqual([
      {
        variable,
        wrong: expect.stringMatching(/ \(environment\)$/) as string,
        allowed: expect.stringContaining(allowed) as string,
      },
    ]);
    expect(problems[0]!.wrong).toContain(wrong);
    expect(new ConfigError(problems).message).not.toContain('hush');
  });

  it.each([
    ['MILLRACE_DATABASE_URL', 'mysql://u:p%2Fq%25@[::1]/db'],
    ['MILLRACE_DATABASE_URL', 'mariadb://u:a@b:c@h:65535/my%2Ddb'],
    ['MILLRACE_REDIS_URL', 'redis://h'],
    ['MILLRACE_REDIS_URL', 'rediss://:p@[::1]:1/15?family=6'],
    ['MILLRACE_EVENTBUS_URL', 'redis://reporter:p@cache/'],
    ['MILLRACE_S3_URL', 's3://my.files/a?region=eu-west-1'],
    ['MILLRACE_S3_URL', 'https://k:a%2Fb@h:443/bucket'],
  ])('is taken where it is in order: %s=%s', (variable, url) => expect(problemsOf({ [variable]: url })).toEqual([]));

  it('is told of with all others that are wrong', () => {
    const problems = problemsOf({
      MILLRACE_PORT: 'x',
      MILLRACE_DATABASE_URL: 'mysql://u:p@db/millrace?tls=maybe',
      MILLRACE_REDIS_URL: 'redis://h:0',
      MILLRACE_EVENTBUS_URL: 'redis://u:p%@h',
      MILLRACE_S3_URL: 's3://B',
    });
    expect(problems.map(({ variable }) => variable)).toEqual([
      'MILLRACE_PORT',
      'MILLRACE_DATABASE_URL',
      'MILLRACE_REDIS_URL',
      'MILLRACE_EVENTBUS_URL',
      'MILLRACE_S3_URL',
    ]);
  });
});

describe('the CA of the database', () => {
  it.each([
    ['/nope.pem', 'names /nope.pem as `tls_ca`, which cannot be read (ENOENT)'],
    ['/', 'names / as `tls_ca`, which cannot be read (EISDIR)'],
    [import.meta.filename, `names ${import.meta.filename} as \`tls_ca\`, which holds no certificate`],
  ])('must be in a file that can be read: %s', (path, wrong) => {
    const url = `mysql://u:hush@db/millrace?tls=on&tls_ca=${path}`;
    const allowed = expect.stringContaining('in PEM') as string;
    expect(problemsOf({ MILLRACE_DATABASE_URL: url, MILLRACE_S3_URL: 's3://B' })).toEqual([
      expect.objectContaining({ variable: 'MILLRACE_S3_URL' }),
      { variable: 'MILLRACE_DATABASE_URL', wrong, allowed },
    ]);
  });

  it('may be any that openssl makes', () => {
    const path = join(import.meta.dirname, '../../test/support/services/tls/other-ca.pem');
    expect(problemsOf({ MILLRACE_DATABASE_URL: `mysql://u:p@db/millrace?tls=on&tls_ca=${path}` })).toEqual([]);
  });
});

describe('databasePlace', () => {
  it.each([
    ['mysql://u:p@db/millrace', ['db', 3306, 'u', 'p', 'millrace'], 'db:3306/millrace'],
    [
      'mysql://u%40x:a%2Fb%25:c@[::1]:3307/my%2Ddb?tls=on',
      ['::1', 3307, 'u@x', 'a/b%:c', 'my-db'],
      '[::1]:3307/my%2Ddb',
    ],
    ['mariadb://h', ['h', 3306, '', '', ''], 'h:3306'],
  ])('of %s', (url, parts, described) => {
    const { host, port, username, password, database } = databasePlace(url);
    expect([host, port, username, password, database]).toEqual(parts);
    expect(describeDatabaseUrl(url)).toBe(described);
  });
});
