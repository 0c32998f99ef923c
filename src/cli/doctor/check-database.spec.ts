import { describe, expect, it } from 'vitest';
import type { ServerVariables } from '../../store/mysql/mysql-inspection.js';
import { checkDatabaseServer, checkEncryption, checkSkew } from './check-database.js';

const MYSQL: ServerVariables = {
  version: '8.4.3',
  version_comment: 'MySQL Community Server - GPL',
  read_only: 'OFF',
  super_read_only: 'OFF',
  max_connections: '151',
  max_user_connections: '0',
  max_allowed_packet: '67108864',
  innodb_flush_log_at_trx_commit: '1',
};

function complaints(variables: ServerVariables): string[] {
  return checkDatabaseServer({ ...MYSQL, ...variables })
    .filter(({ status }) => status !== 'ok')
    .map(({ check, status }) => `${check} ${status}`);
}

describe('the server of the database', () => {
  it('is fine as it comes', () => {
    expect(complaints({})).toEqual([]);
    expect(checkDatabaseServer(MYSQL)[0]!.message).toBe('MySQL 8.4.3');
  });

  it.each([
    ['8.0.19', ''],
    ['8.0.18', 'database version failed'],
    ['5.7.44-log', 'database version failed'],
    ['10.6.0-MariaDB', ''],
    ['10.5.29-MariaDB-log', 'database version failed'],
    ['5.5.5-10.11.2-MariaDB', ''],
    ['', 'database version failed'],
  ])('of version %s: %s', (version, complaint) => {
    expect(complaints({ version }).join()).toBe(complaint);
  });

  it.each<[string, ServerVariables, string]>([
    ['a Galera cluster', { wsrep_on: 'ON' }, 'database writers failed'],
    ['MariaDB that could be in one', { wsrep_on: 'OFF' }, ''],
    [
      'a group with several primaries',
      { group_replication_group_name: 'a-b', group_replication_single_primary_mode: 'OFF' },
      'database writers failed',
    ],
    ['a group with one', { group_replication_group_name: 'a-b', group_replication_single_primary_mode: 'ON' }, ''],
    [
      'no group, though the plug-in is loaded',
      { group_replication_group_name: '', group_replication_single_primary_mode: 'OFF' },
      '',
    ],
    ['a replica', { read_only: 'ON' }, 'database writers failed'],
    ['one that syncs each second', { innodb_flush_log_at_trx_commit: '2' }, 'database durability warning'],
    ['one with connections for three processes', { max_connections: '47' }, 'database connections warning'],
    ['one with connections for four', { max_connections: '48' }, ''],
    ['one with too few for this user', { max_user_connections: '11' }, 'database connections failed'],
    ['one of small packets', { max_allowed_packet: '4194304' }, 'database packet failed'],
  ])('that is %s', (_, variables, complaint) => {
    expect(complaints(variables).join()).toBe(complaint);
  });
});

describe('the connection to the database', () => {
  it.each([
    [null, false, 'none; `?tls=on` in'],
    ['TLSv1.3', true, 'TLSv1.3, and the certificate of the server was verified'],
    ['TLSv1.3', false, 'TLSv1.3, and nobody verified'],
  ])('encrypted with %s, verified: %s', (version, isVerified, message) => {
    expect(checkEncryption(version, isVerified).message).toContain(message);
  });
});

describe('the clock of a service', () => {
  it.each([
    [0, 'ok', 'the same time'],
    [-1_900, 'ok', 'the same time'],
    [5_000, 'warning', '5 s behind'],
    [-5_000, 'warning', '5 s ahead of'],
    [3_600_000, 'failed', '60 min behind'],
  ])('%i ms ahead of ours is %s', (aheadMs, status, message) => {
    expect(checkSkew('clock', 'it', aheadMs)).toMatchObject({ status, message: expect.stringContaining(message) });
  });
});
