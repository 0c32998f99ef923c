import { setMaxListeners } from 'node:events';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `onStop` at Ctrl-C, SIGTERM, the end of the terminal, or when nobody reads the output any more. From now on these
 * do not end the process by themselves: the caller does, when it has tidied up. It may be called more than once, because
 * npm turns one Ctrl-C into two.
 */
export function catchStopSignals(onStop: () => void): void {
  for (const name of SIGNALS) process.on(name, onStop);
  process.stdout.on('error', onStop);
}

/**
 * Does `work`, which heeds the signal it is given, and rejects with what `onStop` makes when it was stopped from the
 * keyboard or by a signal, whatever the work itself made of that.
 */
export async function untilStopped<T>(onStop: () => Error, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // every request adds one
  catchStopSignals(() => ending.abort(onStop()));
  try {
    return await work(ending.signal);
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error;
  }
}
