import { inject } from 'vitest';
import { FolderPlace } from './folder-place.js';
import type { Place } from './place.js';

/** An empty place of the mode that is tested. */
export async function newPlace(): Promise<Place> {
  const services = inject('services');
  if (services === undefined) return FolderPlace.make();
  // Loaded only then, so that tests of embedded mode need nothing of the other.
  const { SharedPlace } = await import('./shared-place.js');
  return SharedPlace.make(services);
}
