/** How often a condition that nothing announces is looked at again. */
const LOOK_MS = 20;
const PATIENCE_MS = 25_000;

/**
 * Looks until what is seen `isRight`, and returns it. Rejects with what was seen last when that takes too long, so a test
 * that waits in vain says what for.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  isRight: (seen: T) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (isRight(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`Waited in vain. The last thing seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
