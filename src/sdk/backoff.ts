const FIRST_MS = 100;
const MAX_MS = 5_000;

/**
 * The wait in ms after so many failures in a row: 100 ms, doubling up to 5 s, the upper half by chance, so that many
 * who lost the same server do not come back to it all at once.
 */
export function backoffMs(failures: number, random = Math.random()): number {
  const full = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}

/** Resolves after so many ms, or at once when `signal` fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish);
  });
}
