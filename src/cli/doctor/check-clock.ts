/** The clock of this machine: deadlines and lists are in its hands. Pure. */
import { showSpan } from '../figures.js';
import { failed, ok, warning, type Finding } from './finding.js';

export interface ClockReadings {
  /** The wall clock, epoch ms. */
  wallAt: number;
  /** What the wall clock would show if nobody had touched it since this process started, epoch ms. */
  steadyAt: number;
  /** The latest instant in the store; 0 for none. */
  storeAt: number;
}

const TOLERANCE_MS = 2_000;
const SYNC = 'set the clock, and keep it set with NTP (timedatectl set-ntp true)';

export function checkClock({ wallAt, steadyAt, storeAt }: ClockReadings): Finding {
  const ahead = storeAt - wallAt;
  if (ahead > TOLERANCE_MS) {
    return failed('clock', `the store has entries from ${showSpan(ahead)} in the future: the clock was set back`, SYNC);
  }
  const jumped = Math.abs(wallAt - steadyAt);
  if (jumped > TOLERANCE_MS) return warning('clock', `it jumped by ${showSpan(jumped)} during this look`, SYNC);
  return ok('clock', storeAt === 0 ? 'steady' : 'steady, and not behind the store');
}
