/**
 * The life of a task, as data.
 *
 *   scheduled ⇄ ready → leased → completed            an answer was recorded, whatever its status code
 *       ▲         ▲        ├───→ failed ──redrive──→ ready    tries used up: the dead letters
 *       └─────────┴────────┘     (back-off, release, lease lost)
 *   any live state → expired | cancelled
 */
export const TASK_STATES = ['scheduled', 'ready', 'leased', 'completed', 'failed', 'expired', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const TASK_TRANSITIONS: Record<TaskState, readonly TaskState[]> = {
  scheduled: ['ready', 'expired', 'cancelled'],
  ready: ['leased', 'expired', 'cancelled'],
  leased: ['ready', 'scheduled', 'completed', 'failed', 'expired', 'cancelled'],
  completed: [],
  failed: ['ready'],
  expired: [],
  cancelled: [],
};

export const INITIAL_TASK_STATES: readonly TaskState[] = ['ready', 'scheduled'];

/** Small integers in SQL, so that rows and indexes stay slim; never renumber a released one. */
export const TASK_STATE_CODE: Record<TaskState, number> = {
  scheduled: 0,
  ready: 1,
  leased: 2,
  completed: 3,
  failed: 4,
  expired: 5,
  cancelled: 6,
};

export function isTerminalTaskState(state: TaskState): boolean {
  return state === 'completed' || state === 'failed' || state === 'expired' || state === 'cancelled';
}

/** How the answer to a task reaches its submitter. */
export const RESPONSE_MODES = ['batch', 'callback', 'blocking', 'streaming'] as const;
export type ResponseMode = (typeof RESPONSE_MODES)[number];
