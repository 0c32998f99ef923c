/** All that a dialect of the store must hold. What several writers must hold besides is in `store-many-writers.contract.ts`. */
import { describe } from 'vitest';
import type { TestStore } from '../support/store-factory.js';
import { exerciseStoreBatchEnds } from './store-batch-end.contract.js';
import { exerciseStoreBatchStarts } from './store-batch-start.contract.js';
import { exerciseStoreCallbacks } from './store-callbacks.contract.js';
import { exerciseStoreDeadLetters } from './store-dead-letter.contract.js';
import { exerciseStoreFiles } from './store-files.contract.js';
import { exerciseStoreHolders } from './store-holder.contract.js';
import { exerciseStoreFinishes } from './store-finish.contract.js';
import { exerciseStoreInstances } from './store-instances.contract.js';
import { exerciseStoreIsolation } from './store-isolation.contract.js';
import { exerciseStoreLeaseEnds } from './store-lease-end.contract.js';
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

export function exerciseStore(store: TestStore): void {
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
  describe('single tasks: dead letters', () => exerciseStoreDeadLetters(store));
  describe('single tasks: a model', () => exerciseStoreTaskModel(store));
  describe('batches: starts', () => exerciseStoreBatchStarts(store));
  describe('batches: ends', () => exerciseStoreBatchEnds(store));
  describe('callbacks', () => exerciseStoreCallbacks(store));
  describe('files', () => exerciseStoreFiles(store));
  describe('retention', () => exerciseStoreRetention(store));
  describe('owners', () => exerciseStoreOwners(store));
  describe('instances', () => exerciseStoreInstances(store));
  describe('set-up', () => exerciseStoreSetup(store));
}
