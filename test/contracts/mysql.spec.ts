/** The contracts of the store, held by MariaDB; several processes may write there, so it has some more. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { FakeClock } from '../support/fake-clock.js';
import { makeDatabase, openMysqlAt, openMysqlDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';
import { testStoreOf, useTestStore, type TestStore } from '../support/store-factory.js';
import { exerciseStore } from './store.contract.js';
import { exerciseStoreManyWriters } from './store-many-writers.contract.js';

describe('MysqlDatabase', () => {
  let server: MariadbServer;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());
  exerciseStore(useTestStore((clock) => openMysqlDatabase(server, clock)));
});

describe('two MysqlDatabases on one schema', () => {
  const [one, two] = [{} as TestStore, {} as TestStore];
  let server: MariadbServer;
  beforeAll(async () => {
    server = await startMariadb();
    const [url, clock] = [await makeDatabase(server), new FakeClock()];
    for (const store of [one, two]) Object.assign(store, testStoreOf(clock, await openMysqlAt(url, clock)));
  });
  beforeEach(() => one.clear());
  afterAll(async () => {
    await Promise.all([one.dispose(), two.dispose()]);
    await server.stop();
  });
  exerciseStoreManyWriters(one, two);
});
