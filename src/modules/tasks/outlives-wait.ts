/** A task outlives the wait of its caller by this, so that it is the caller's time that is over and not the task's. */
export const OUTLIVES_WAIT_MS = 1_000;
