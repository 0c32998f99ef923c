/** The contracts of all ports, held by the adapters of the embedded mode. */
import { describe } from 'vitest';
import { FsBlobStore } from '../../src/adapters/embedded/fs-blob-store.js';
import { InProcessBroker } from '../../src/adapters/local/in-process-broker.js';
import { LocalEventBus } from '../../src/adapters/local/local-event-bus.js';
import { MemoryLimiter } from '../../src/adapters/embedded/memory-limiter.js';
import { FakeTime } from '../support/fake-time.js';
import { Inbox } from '../support/inbox.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { exerciseBlobStore, type BlobStoreSubject } from './blob-store.contract.js';
import { exerciseBroker, type BrokerSubject } from './broker.contract.js';
import { exerciseEventBus, type EventBusSubject } from './event-bus.contract.js';
import { exerciseLimiter, type LimiterSubject } from './limiter.contract.js';

describe('FsBlobStore', () => exerciseBlobStore(makeBlobStore));
describe('InProcessBroker', () => exerciseBroker(makeBroker));
describe('LocalEventBus', () => exerciseEventBus(makeEventBus));
describe('MemoryLimiter', () => exerciseLimiter(makeLimiter));

async function makeBlobStore(): Promise<BlobStoreSubject> {
  const folder = await makeTemporaryFolder();
  const stores: FsBlobStore[] = [];
  const open = async () => {
    const store = new FsBlobStore(folder.path);
    await store.open();
    stores.push(store);
    return store;
  };
  return {
    store: await open(),
    reopen: open,
    dispose: async () => {
      for (const store of stores) await store.close();
      await folder.remove();
    },
  };
}

async function makeBroker(): Promise<BrokerSubject> {
  const time = FakeTime.start();
  const broker = new InProcessBroker({ spacingMs: 1, clock: time.clock, onError: () => {} });
  return {
    broker,
    advance: (ms) => time.advance(ms),
    dispose: async () => {
      await broker.stop();
      time.stop();
    },
  };
}

async function makeEventBus(): Promise<EventBusSubject> {
  const reported = new Inbox<unknown>();
  const bus = new LocalEventBus({ onError: reported.add });
  return { bus, peer: bus, reported, dispose: () => bus.close() };
}

async function makeLimiter(): Promise<LimiterSubject> {
  const time = FakeTime.start();
  const limiter = new MemoryLimiter({ clock: time.clock, onError: () => {} });
  return {
    limiter,
    clock: time.clock,
    advance: (ms) => time.advance(ms),
    dispose: async () => {
      limiter.close();
      time.stop();
    },
  };
}
