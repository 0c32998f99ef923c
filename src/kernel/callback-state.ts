/**
 * The life of a callback, as data.
 *
 *   waiting ⇄ leased → delivered | dead        waiting also between two tries
 *      ▲───────────────────┴────────┘ replay
 */
export const CALLBACK_STATES = ['waiting', 'leased', 'delivered', 'dead'] as const;
export type CallbackState = (typeof CALLBACK_STATES)[number];

export const CALLBACK_TRANSITIONS: Record<CallbackState, readonly CallbackState[]> = {
  waiting: ['leased'],
  leased: ['waiting', 'delivered', 'dead'],
  delivered: ['waiting'],
  dead: ['waiting'],
};

export const INITIAL_CALLBACK_STATES: readonly CallbackState[] = ['waiting'];

/** Small integers in SQL; never renumber a released one. */
export const CALLBACK_STATE_CODE = { waiting: 1, leased: 2, delivered: 3, dead: 4 } as const satisfies Record<
  CallbackState,
  number
>;

/** The state that is kept as this number. */
export function callbackStateOf(code: number): CallbackState {
  const state = CALLBACK_STATES.find((name) => CALLBACK_STATE_CODE[name] === code);
  if (state === undefined) throw new Error(`no state of a callback is kept as ${code}`);
  return state;
}
