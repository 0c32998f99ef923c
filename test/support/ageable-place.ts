/** A place of the mode that is tested, whose blobs a test can make old. */
import { utimes } from 'node:fs/promises';
import { inject } from 'vitest';
import { blobPaths, FolderPlace } from './folder-place.js';
import type { Place } from './place.js';

export interface AgeablePlace {
  place: Place;
  /** As if all finished blobs were of long ago. */
  age: () => Promise<void>;
  /** After the place was removed. */
  close: () => Promise<void>;
}

export async function newAgeablePlace(): Promise<AgeablePlace> {
  const services = inject('services');
  if (services === undefined) {
    const place = await FolderPlace.make();
    const age = async (): Promise<void> => {
      for (const path of (await blobPaths(place)).values()) await utimes(path, new Date(0), new Date(0));
    };
    return { place, age, close: () => Promise.resolve() };
  }
  const [{ SharedPlace }, { S3Service }] = await Promise.all([import('./shared-place.js'), import('./services/s3.js')]);
  // Of its own: what others have stored must stay as it is.
  const s3 = await S3Service.start();
  const place = await SharedPlace.make({ ...services, s3Url: s3.url });
  return { place, age: () => s3.age(), close: () => s3.stop() };
}
