/** The contract of blob stores, held by S3 with a stand-in for its server. */
import { describe } from 'vitest';
import { S3BlobStore } from '../../src/adapters/distributed/s3/s3-blob-store.js';
import { S3Service } from '../support/services/s3.js';
import { s3StoreOptions } from '../support/services/s3-store.js';
import { exerciseBlobStore, type BlobStoreSubject } from './blob-store.contract.js';

describe('S3BlobStore', () => exerciseBlobStore(makeBlobStore));

async function makeBlobStore(): Promise<BlobStoreSubject> {
  const service = await S3Service.start();
  const stores: S3BlobStore[] = [];
  const open = async () => {
    const store = new S3BlobStore(s3StoreOptions(`${service.url}/some/prefix`));
    stores.push(store);
    return store;
  };
  return {
    store: await open(),
    reopen: open,
    dispose: async () => {
      for (const store of stores) await store.close();
      await service.stop();
    },
  };
}
