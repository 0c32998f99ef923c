/** Makes API keys straight in the store of a server that does not run. */
import { KeysService, type CreatedKey, type KeySpec } from '../../src/modules/access/keys.service.js';
import { LocalEventBus } from '../../src/adapters/local/local-event-bus.js';
import { AccessStore } from '../../src/store/access.store.js';
import { withDatabase, type Place } from './place.js';

/** Runs `work` with a KeysService on this place. */
export function withKeys<R>(place: Place, work: (keys: KeysService) => Promise<R>): Promise<R> {
  const onError = (error: unknown): never => {
    throw error;
  };
  return withDatabase(place, (database) =>
    work(new KeysService(new AccessStore(database), new LocalEventBus({ onError }))),
  );
}

export function makeKeys(place: Place, specs: readonly KeySpec[]): Promise<CreatedKey[]> {
  return withKeys(place, (keys) => Promise.all(specs.map((spec) => keys.create(spec, 'test'))));
}
