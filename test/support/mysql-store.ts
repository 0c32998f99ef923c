/** Stores on MySQL for the contracts: one server for a spec, a database of its own for each store. */
import type { Clock } from '../../src/kernel/clock.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import type { MariadbServer } from './services/mariadb.js';
import type { TestDatabase } from './store-factory.js';

let databases = 0;

/** The address of a new, empty database on this server. */
export async function makeDatabase(server: MariadbServer): Promise<string> {
  const name = `store_${process.pid}_${(databases += 1)}`;
  const source = await openMysql({ url: server.url, poolSize: 1, isForWriting: true });
  await source.query(`CREATE DATABASE ${name}`);
  await source.destroy();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

/** A table of the numbers 1 to `count`, in a column `seq`, as both MariaDB and MySQL can make one. */
export function numbersTo(count: number): string {
  return `JSON_TABLE(CONCAT('[1', REPEAT(',1', ${count - 1}), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers`;
}

export async function openMysqlDatabase(server: MariadbServer, clock: Clock): Promise<TestDatabase> {
  return openMysqlAt(await makeDatabase(server), clock);
}

/** Another process's view of the same database, when it is called again. */
export async function openMysqlAt(url: string, clock: Clock): Promise<TestDatabase> {
  const database = await MysqlDatabase.open({ url, mayMigrate: true, clock });
  return {
    database,
    byHand: await openMysql({ url, poolSize: 2, isForWriting: true }),
    dispose: () => Promise.resolve(),
  };
}
