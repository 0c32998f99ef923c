import type { Sweep } from './sweep.js';

/** All sweeps of this server, as one thing to inject. */
export class Sweeps {
  constructor(readonly all: readonly Sweep[]) {}
}
