/**
 * Who gets the places for calls under way, so that receivers that hang, however many, do not keep the others waiting:
 *
 * - An origin begins with one call at a time, gets more as it answers, and is back at one when it fails.
 * - Those that have not answered last, also new ones, share a part of the places; the rest is for those that have.
 * - No tenant gets more places than are left to the others.
 */
import type { CallbackLine } from '../../store/procedures/callback-shapes.js';

export const PLACES = 256;
/** For origins that have not answered last. */
export const UNPROVEN_PLACES = 128;
export const ROOM_PER_LINE = 8;
/** A tenant that can get fewer than these has one call under way at each origin, so that more of them get a call. */
const AMPLE_PLACES = 64;
/** Lines whose origin answered last that are remembered; what is forgotten begins anew. */
const MAX_PROVEN = 10_000;

export class CallbackPlaces {
  private readonly inFlight = new Map<string, CallbackLine & { calls: number }>();
  /** By line, for those that answered last: the calls that it may have under way. Whoever answered longest ago is first. */
  private readonly rooms = new Map<string, number>();

  begin({ tenantSeq, target }: CallbackLine): void {
    const key = keyOf({ tenantSeq, target });
    this.inFlight.set(key, { tenantSeq, target, calls: this.callsOf(key) + 1 });
  }

  /** `isAnswering`: whether it took the callback; null when it was not asked. */
  end({ tenantSeq, target }: CallbackLine, isAnswering: boolean | null): void {
    const key = keyOf({ tenantSeq, target });
    const calls = this.callsOf(key) - 1;
    if (calls === 0) this.inFlight.delete(key);
    else this.inFlight.set(key, { tenantSeq, target, calls });
    if (isAnswering === null) return;
    const room = this.rooms.get(key) ?? 1;
    this.rooms.delete(key);
    if (isAnswering) this.rooms.set(key, Math.min(2 * room, ROOM_PER_LINE));
    if (this.rooms.size > MAX_PROVEN) this.rooms.delete(this.rooms.keys().next().value!);
  }

  /** Whether this origin answered last. */
  isProven(line: CallbackLine): boolean {
    return this.rooms.has(keyOf(line));
  }

  /** How many calls each of these lines, which have due ones, may begin now; the first in the list choose first. */
  share(due: readonly CallbackLine[], most: number): (CallbackLine & { want: number })[] {
    const [all, unproven] = this.taken();
    const shares: (CallbackLine & { want: number })[] = [];
    let left = most;
    for (const { tenantSeq, target } of due) {
      const key = keyOf({ tenantSeq, target });
      const spare = all.spareFor(tenantSeq);
      const isProven = this.rooms.has(key);
      const room = (spare < AMPLE_PLACES ? 1 : (this.rooms.get(key) ?? 1)) - this.callsOf(key);
      const want = Math.min(room, left, spare, isProven ? spare : unproven.spareFor(tenantSeq));
      if (want <= 0) continue;
      all.add(tenantSeq, want);
      if (!isProven) unproven.add(tenantSeq, want);
      shares.push({ tenantSeq, target, want });
      left -= want;
    }
    return shares;
  }

  private callsOf(key: string): number {
    return this.inFlight.get(key)?.calls ?? 0;
  }

  private taken(): [all: TakenPlaces, unproven: TakenPlaces] {
    const all = new TakenPlaces(PLACES);
    const unproven = new TakenPlaces(UNPROVEN_PLACES);
    for (const [key, { tenantSeq, calls }] of this.inFlight) {
      all.add(tenantSeq, calls);
      if (!this.rooms.has(key)) unproven.add(tenantSeq, calls);
    }
    return [all, unproven];
  }
}

class TakenPlaces {
  private left: number;
  private readonly byTenant = new Map<number, number>();

  constructor(places: number) {
    this.left = places;
  }

  add(tenantSeq: number, count: number): void {
    this.left -= count;
    this.byTenant.set(tenantSeq, (this.byTenant.get(tenantSeq) ?? 0) + count);
  }

  /** How many this tenant can get until it has as many as are left: one tenant has half, of two each has a third. */
  spareFor(tenantSeq: number): number {
    return Math.max(0, Math.ceil((this.left - (this.byTenant.get(tenantSeq) ?? 0)) / 2));
  }
}

function keyOf({ tenantSeq, target }: CallbackLine): string {
  return `${tenantSeq} ${target}`;
}
