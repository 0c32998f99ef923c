import { FolderPlace } from './folder-place.js';
import type { Place } from './place.js';

/** An empty place of the mode that is tested. */
export function newPlace(): Promise<Place> {
  return FolderPlace.make();
}
