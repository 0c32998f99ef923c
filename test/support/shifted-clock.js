/**
 * Loaded into a server before anything else (`NODE_OPTIONS=--import=…`, so into its threads too): its wall clock goes wrong
 * by as many milliseconds as the file `SHIFTED_CLOCK_FILE` says, from one moment to the next. As with a system whose clock
 * is set, time that only counts up (`performance.now`, `process.hrtime`, timers) knows nothing of it.
 */
import { readFileSync } from 'node:fs';

/** How often the file is looked at, at most. */
const LOOK_MS = 20;

const file = process.env['SHIFTED_CLOCK_FILE'];
const realNow = Date.now;
let shiftMs = 0;
let lookedAt = -LOOK_MS;

function shiftedNow() {
  const monotonic = performance.now();
  if (monotonic - lookedAt >= LOOK_MS) {
    lookedAt = monotonic;
    shiftMs = Number(readFileSync(file, 'utf8'));
  }
  return realNow() + shiftMs;
}

globalThis.Date = class ShiftedDate extends Date {
  constructor(...args) {
    if (args.length === 0) super(shiftedNow());
    else super(...args);
  }

  static now() {
    return shiftedNow();
  }
};
