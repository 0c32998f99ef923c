/**
 * A server of the database that takes nothing but TLS. Its certificate names `localhost`; it and the two CAs were made with
 * openssl to last until 2120, and the keys of the CAs thrown away.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../src/kernel/clock.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { MysqlInspection } from '../../src/store/mysql/mysql-inspection.js';
import { outageOf } from '../../src/store/mysql/mysql-errors.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';

const FILES = join(import.meta.dirname, '../support/services/tls');
const CA = join(FILES, 'ca.pem');
const OTHER_CA = join(FILES, 'other-ca.pem');
const TLS_SETTINGS = [`--ssl-cert=${join(FILES, 'server.pem')}`, `--ssl-key=${join(FILES, 'server-key.pem')}`];

function at(server: MariadbServer, host: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(server.url);
  url.hostname = host;
  url.search = new URLSearchParams(parameters).toString();
  return url.href;
}

async function tlsVersion(url: string): Promise<string | null> {
  const inspection = await MysqlInspection.open(url);
  try {
    return await inspection.tlsVersion();
  } finally {
    await inspection.close();
  }
}

describe.skipIf(process.env['MILLRACE_TEST_MYSQL_URL'])('a database server', () => {
  let strict: MariadbServer;
  let plain: MariadbServer;

  beforeAll(async () => {
    strict = await startMariadb(undefined, [...TLS_SETTINGS, '--require-secure-transport=ON']);
    plain = await startMariadb(undefined, ['--skip-ssl']);
  });
  afterAll(async () => {
    await strict.stop();
    await plain.stop();
  });

  it('that takes only what is encrypted is worked with: schema, reads and writes', async () => {
    const url = at(strict, 'localhost', { tls: 'on', tls_ca: CA });
    const database = await MysqlDatabase.open({ url, mayMigrate: true, clock: new SystemClock() });
    await database.close();
    const inspection = await MysqlInspection.open(url);
    try {
      expect(await inspection.pendingMigrations()).toEqual([]);
      expect(await inspection.drift()).toEqual([]);
      await inspection.tryAll();
      expect(await inspection.tlsVersion()).toMatch(/^TLSv1\.[23]$/);
    } finally {
      await inspection.close();
    }
  });

  it.each([
    ['without TLS', 'localhost', {}, /Access denied.*without TLS \(\?tls=on\)/],
    ['with a CA that did not sign', 'localhost', { tls: 'on', tls_ca: OTHER_CA }, /no TLS with.*verify.*certificate/],
    ['with the CAs that everybody trusts', 'localhost', { tls: 'on' }, /no TLS with.*verify.*certificate/],
    // Another way to write 127.0.0.1, which leads there as a name does that is not its own.
    ['under another name', '127.1', { tls: 'on', tls_ca: CA }, /no TLS with.*altnames: DNS:localhost/],
  ] as const)('is not spoken to %s, with a word', async (_, host, parameters, words) => {
    const error = await tlsVersion(at(strict, host, parameters)).catch((caught: unknown) => caught);
    expect((error as Error).message).toMatch(words);
    expect(outageOf(error)?.code).toBe('store_unavailable');
  });

  it('is not spoken to when the file of its CA is not there', async () => {
    const url = at(strict, 'localhost', { tls: 'on', tls_ca: '/nowhere.pem' });
    await expect(tlsVersion(url)).rejects.toThrow(/ENOENT.*nowhere/);
  });

  it('may go unverified where that is asked for', async () => {
    expect(await tlsVersion(at(strict, '127.0.0.1', { tls: 'skip-verify' }))).toMatch(/^TLSv1/);
  });

  it('that knows no TLS is not spoken to in clear when TLS was asked for', async () => {
    for (const tls of ['on', 'skip-verify']) {
      await expect(tlsVersion(at(plain, 'localhost', { tls }))).rejects.toThrow('does not support secure connection');
    }
    await expect(tlsVersion(at(plain, '127.0.0.1', {}))).resolves.toBeNull();
  });
});
