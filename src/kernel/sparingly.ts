/** `act`, but not again before `pauseMs` are over: what is asked for meanwhile is dropped. */
export function sparingly<Args extends unknown[]>(
  pauseMs: number,
  act: (...args: Args) => void,
): (...args: Args) => void {
  let actedAt = Number.NEGATIVE_INFINITY;
  return (...args) => {
    const now = performance.now();
    if (now - actedAt < pauseMs) return;
    actedAt = now;
    act(...args);
  };
}
