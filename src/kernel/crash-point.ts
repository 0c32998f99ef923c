/**
 * Named places where a fault test can kill this process: `MILLRACE_TEST_CRASH_AT=name` dies the first time
 * `name` is reached, `name:5` the fifth. Unarmed, a point is one comparison.
 */
let armedName: string | null = null;
let remaining = 0;

export function armCrashPoint(spec: string): void {
  const colon = spec.lastIndexOf(':');
  const count = colon > 0 ? Number(spec.slice(colon + 1)) : Number.NaN;
  armedName = Number.isInteger(count) ? spec.slice(0, colon) : spec;
  remaining = Number.isInteger(count) ? count : 1;
}

/** SIGKILL, not exit: no handler runs, no buffer is flushed, as in a power cut of the process. */
export function crashPoint(name: string): void {
  if (armedName !== name) return;
  remaining -= 1;
  if (remaining === 0) process.kill(process.pid, 'SIGKILL');
}
