/** How a process can know of the others. DI token and type at once; provided by the composition root. */
export abstract class InstancePolicy {
  /** No other process can be alive, as the holder of an embedded data folder's lock knows. */
  abstract readonly isAlone: boolean;
}

/** How often an instance gives a sign of life, where there are others. */
export const BEAT_MS = 1_000;
/**
 * Silent for so long, an instance is taken for dead and its leases go back. Ten signs may get lost before; and it is short
 * enough that nobody waits long for a task whose server has died.
 */
export const SILENT_MS = 10_000;
