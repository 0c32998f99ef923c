/**
 * The eight batch states of the OpenAI Batch API, and which may follow which.
 *
 *   validating → in_progress → finalizing → completed | expired
 *       │  │          └─────────────┬──→ cancelling → cancelled
 *       │  └────────────────────────┘
 *       └→ failed        (validation only: a failed line never fails its batch)
 */
export const BATCH_STATES = [
  'validating',
  'in_progress',
  'finalizing',
  'completed',
  'failed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchState = (typeof BATCH_STATES)[number];

export const BATCH_TRANSITIONS: Record<BatchState, readonly BatchState[]> = {
  validating: ['in_progress', 'failed', 'cancelling', 'expired'],
  in_progress: ['finalizing', 'cancelling'],
  finalizing: ['completed', 'expired'],
  cancelling: ['cancelled'],
  completed: [],
  failed: [],
  expired: [],
  cancelled: [],
};

export const INITIAL_BATCH_STATES: readonly BatchState[] = ['validating'];
export const TERMINAL_BATCH_STATES: readonly BatchState[] = ['completed', 'failed', 'expired', 'cancelled'];

/** How a batch that stops will end; decided once, when it stops. */
export type BatchOutcome = 'completed' | 'expired' | 'cancelled';

export function isTerminalBatchState(state: BatchState): boolean {
  return TERMINAL_BATCH_STATES.includes(state);
}
