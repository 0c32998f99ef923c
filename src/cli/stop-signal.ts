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
