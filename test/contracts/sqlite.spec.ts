/** The contracts of the store, held by SQLite. */
import { describe } from 'vitest';
import { openSqliteDatabase, useTestStore } from '../support/store-factory.js';
import { exerciseStoreBatchEnds } from './store-batch-end.contract.js';
import { exerciseStoreBatchStarts } from './store-batch-start.contract.js';
import { exerciseStoreFiles } from './store-files.contract.js';
import { exerciseStoreFinishes } from './store-finish.contract.js';
import { exerciseStoreIsolation } from './store-isolation.contract.js';
import { exerciseStoreLeases } from './store-lease.contract.js';
import { exerciseStoreOwners } from './store-owners.contract.js';
import { exerciseStoreRescues } from './store-rescue.contract.js';
import { exerciseStoreReturns } from './store-return.contract.js';
import { exerciseStoreSetup } from './store-setup.contract.js';

describe('SqliteDatabase', () => {
  const store = useTestStore(openSqliteDatabase);
  describe('isolation', () => exerciseStoreIsolation(store));
  describe('tasks: leases', () => exerciseStoreLeases(store));
  describe('tasks: ends', () => exerciseStoreFinishes(store));
  describe('tasks: returns', () => exerciseStoreReturns(store));
  describe('tasks: a rescue', () => exerciseStoreRescues(store));
  describe('batches: starts', () => exerciseStoreBatchStarts(store));
  describe('batches: ends', () => exerciseStoreBatchEnds(store));
  describe('files', () => exerciseStoreFiles(store));
  describe('owners', () => exerciseStoreOwners(store));
  describe('set-up', () => exerciseStoreSetup(store));
});
