import { inject } from 'vitest';

/**
 * Whether a run kills at all writes. Over services each life of a server takes seconds, so there it is only some, of each kind
 * that matters one, unless LONG=1, as `npm run test:chaos` sets it.
 */
export const KILLS_AT_ALL = inject('services') === undefined || process.env['LONG'] === '1';

/** Those of `writes` at which this run kills; `some`: the procedures of a short run. */
export function killedAt<W>(writes: readonly W[], procedureOf: (write: W) => string, some: readonly string[]): W[] {
  return writes.filter((write) => KILLS_AT_ALL || some.includes(procedureOf(write)));
}
