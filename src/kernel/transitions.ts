/**
 * Checks a state machine given as data. Run at boot: a state nobody can reach, or an arrow to a state
 * that does not exist, is a programming error that must not start serving.
 */
export function checkTransitions<S extends string>(
  name: string,
  transitions: Record<S, readonly S[]>,
  initial: readonly S[],
): void {
  const known = new Set(Object.keys(transitions) as S[]);
  const reached = new Set<S>();
  const frontier = [...initial];
  for (let state = frontier.pop(); state !== undefined; state = frontier.pop()) {
    if (!known.has(state)) throw new Error(`${name}: unknown state '${state}'`);
    if (reached.has(state)) continue;
    reached.add(state);
    frontier.push(...transitions[state]);
  }
  const unreachable = [...known].filter((state) => !reached.has(state));
  if (unreachable.length > 0) throw new Error(`${name}: no way leads to ${unreachable.join(', ')}`);
}
