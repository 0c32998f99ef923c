/** Which server processes are taken to be dead. */
import type { Tx } from '../procedure.js';

/** Who asks for the leases of dead instances, and how it knows that they are dead. */
export interface RescueRequest {
  /** The caller's own instance, whose leases stay. */
  ownerSeq: number;
  /**
   * An instance that was silent for so long is dead, and so is one that said that it ended. Null: all others are, because the
   * caller holds the lock of the data folder.
   */
  silentMs: number | null;
}

/** An instance heard of after this instant lives. */
export function aliveSince(tx: Tx, { silentMs }: RescueRequest): number {
  return silentMs === null ? Number.MAX_SAFE_INTEGER : tx.now - silentMs;
}
