import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** What of this process's heap is in use when all garbage is collected, MB. */
export function heldMb(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
}
