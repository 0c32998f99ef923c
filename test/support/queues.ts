/** Sets queues up straight in the store of a server that does not run, but has run before. */
import { DEFAULT_QUEUE, DEFAULT_TENANT } from '../../src/kernel/default-names.js';
import { newId } from '../../src/kernel/ids.js';
import { AccessStore } from '../../src/store/access.store.js';
import { QueueStore } from '../../src/store/queue.store.js';
import { withDatabase, type Place } from './place.js';

export interface QueueSpec {
  name: string;
  /** That of the admin key unless another is named. */
  tenantName?: string;
  isShared?: boolean;
  /** Null: any. */
  endpoint?: string | null;
  /** Empty: any. */
  models?: readonly string[];
  /** Whether the upstream of the queue `default` works it off; else nothing does. */
  isServed?: boolean;
}

/** Makes these queues, or changes those that are there. */
export function putQueues(place: Place, specs: readonly QueueSpec[]): Promise<void> {
  return withDatabase(place, async (database) => {
    const store = new QueueStore(database);
    const access = new AccessStore(database);
    const upstream = (await store.upstreams()).find(({ name }) => name === DEFAULT_QUEUE);
    for (const { name, tenantName = DEFAULT_TENANT, isShared = false, ...spec } of specs) {
      const { endpoint = null, models = [], isServed = true } = spec;
      await store.putQueue({
        id: newId('queue'),
        tenantSeq: (await access.ensureTenant(tenantName, newId('tenant'))).seq,
        name,
        visibility: isShared ? 'shared' : 'private',
        endpoint,
        models: JSON.stringify(models),
        consumers: JSON.stringify(isServed ? ['upstream'] : []),
        upstreamSeq: isServed ? upstream!.seq : null,
      });
    }
  });
}
