/** What operators' tools ask a store, whichever dialect it speaks. */
import { statement } from './statement.js';

/** Bytes that a row promises; size and hash where they are known. */
export interface PromisedBlob {
  key: string;
  bytes: number | null;
  sha256: string | null;
}

/** Rows of each kind. */
export type StoreCounts = Record<
  'tenants' | 'keys' | 'queues' | 'upstreams' | 'files' | 'batches' | 'tasks' | 'results',
  number
>;

export type None = Record<string, never>;

export const INSPECT_BLOBS = statement<None, PromisedBlob>('inspect-blobs');
export const INSPECT_COUNTS = statement<None, StoreCounts>('inspect-counts');
export const INSPECT_LATEST = statement<None, { latestAt: number }>('inspect-latest');
