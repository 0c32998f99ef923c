/** The contracts of the store, held by MariaDB; several processes may write there, so it has some more. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { FakeClock } from '../support/fake-clock.js';
import { makeDatabase, openMysqlAt, openMysqlDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';
import { testStoreOf, useTestStore, type TestStore } from '../support/store-factory.js';
import { exerciseStoreBatchEnds } from './store-batch-end.contract.js';
import { exerciseStoreBatchStarts } from './store-batch-start.contract.js';
import { exerciseStoreCallbacks } from './store-callbacks.contract.js';
import { exerciseStoreFiles } from './store-files.contract.js';
import { exerciseStoreHolders } from './store-holder.contract.js';
import { exerciseStoreFinishes } from './store-finish.contract.js';
import { exerciseStoreInstances } from './store-instances.contract.js';
import { exerciseStoreIsolation } from './store-isolation.contract.js';
import { exerciseStoreLeaseEnds } from './store-lease-end.contract.js';
import { exerciseStoreManyWriters } from './store-many-writers.contract.js';
import { exerciseStoreLeases } from './store-lease.contract.js';
import { exerciseStoreOwners } from './store-owners.contract.js';
import { exerciseStorePuts } from './store-put.contract.js';
import { exerciseStoreRescues } from './store-rescue.contract.js';
import { exerciseStoreRetention } from './store-retention.contract.js';
import { exerciseStoreReturns } from './store-return.contract.js';
import { exerciseStoreSetup } from './store-setup.contract.js';
import { exerciseStoreStops } from './store-stop.contract.js';
import { exerciseStoreTaskModel } from './store-task-model.contract.js';
import { exerciseStoreTakes } from './store-take.contract.js';
import { exerciseStoreTypedLeases } from './store-typed-lease.contract.js';

describe('MysqlDatabase', () => {
  let server: MariadbServer;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());
  const store = useTestStore((clock) => openMysqlDatabase(server, clock));
  describe('isolation', () => exerciseStoreIsolation(store));
  describe('tasks: leases', () => exerciseStoreLeases(store));
  describe('tasks: leases by type', () => exerciseStoreTypedLeases(store));
  describe('tasks: ends', () => exerciseStoreFinishes(store));
  describe('tasks: returns', () => exerciseStoreReturns(store));
  describe('tasks: a rescue', () => exerciseStoreRescues(store));
  describe('single tasks: puts', () => exerciseStorePuts(store));
  describe('single tasks: takes', () => exerciseStoreTakes(store));
  describe('single tasks: holders', () => exerciseStoreHolders(store));
  describe('single tasks: lease ends', () => exerciseStoreLeaseEnds(store));
  describe('single tasks: stops', () => exerciseStoreStops(store));
  describe('single tasks: a model', () => exerciseStoreTaskModel(store));
  describe('batches: starts', () => exerciseStoreBatchStarts(store));
  describe('batches: ends', () => exerciseStoreBatchEnds(store));
  describe('callbacks', () => exerciseStoreCallbacks(store));
  describe('files', () => exerciseStoreFiles(store));
  describe('retention', () => exerciseStoreRetention(store));
  describe('owners', () => exerciseStoreOwners(store));
  describe('instances', () => exerciseStoreInstances(store));
  describe('set-up', () => exerciseStoreSetup(store));
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
