import { Clock } from '../../kernel/clock.js';

/** Wrong keys from one address in one window before it is asked to wait. */
export const MAX_FAILURES = 1_000;
export const WINDOW_MS = 60_000;
/** Above this the oldest go: somebody has a great many addresses. */
const CAPACITY = 10_000;

interface Window {
  startedAt: number;
  failures: number;
}

/** Counts wrong keys by the address they come from, to slow down those who try out one after the other. */
export class FailedAttempts {
  private readonly windows = new Map<string, Window>();

  constructor(private readonly clock: Clock) {}

  note(address: string): void {
    const place = networkOf(address);
    const known = this.current(place);
    if (known) known.failures += 1;
    else this.begin(place);
  }

  /** How long this address has to wait until its keys are looked at again; 0 if it need not. */
  waitMs(address: string): number {
    const known = this.current(networkOf(address));
    return known && known.failures >= MAX_FAILURES ? known.startedAt + WINDOW_MS - this.clock.now() : 0;
  }

  private begin(place: string): void {
    this.windows.delete(place);
    this.windows.set(place, { startedAt: this.clock.now(), failures: 1 });
    const oldest = this.windows.size > CAPACITY ? this.windows.keys().next() : null;
    if (oldest && !oldest.done) this.windows.delete(oldest.value);
  }

  private current(place: string): Window | null {
    const known = this.windows.get(place);
    return known && this.clock.now() - known.startedAt < WINDOW_MS ? known : null;
  }
}

/** Whoever has one IPv6 address has 2^64 of them, which share their first four groups. */
function networkOf(address: string): string {
  return address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address;
}
