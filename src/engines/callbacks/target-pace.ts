/**
 * How many callbacks each origin may get at once: several, but only one as long as it fails, so that those who are down
 * cannot take up all the places by being slow about it.
 */
export const ROOM_PER_TARGET = 8;
const ROOM_WHILE_FAILING = 1;
/** Failing origins that are remembered; what is forgotten gets the full room for a moment. */
const MAX_FAILING = 10_000;

export class TargetPace {
  private readonly inFlight = new Map<string, number>();
  private readonly failing = new Set<string>();

  begin(target: string): void {
    this.inFlight.set(target, (this.inFlight.get(target) ?? 0) + 1);
  }

  /** `isAnswering`: whether it took the callback; null when it was not asked. */
  end(target: string, isAnswering: boolean | null): void {
    const left = this.inFlight.get(target)! - 1;
    if (left === 0) this.inFlight.delete(target);
    else this.inFlight.set(target, left);
    if (isAnswering === true) this.failing.delete(target);
    else if (isAnswering === false && this.failing.size < MAX_FAILING) this.failing.add(target);
  }

  /** The room that is left at origins for which it is not ROOM_PER_TARGET. */
  rooms(): { target: string; room: number }[] {
    return [...new Set([...this.inFlight.keys(), ...this.failing])].map((target) => {
      const room = this.failing.has(target) ? ROOM_WHILE_FAILING : ROOM_PER_TARGET;
      return { target, room: Math.max(0, room - (this.inFlight.get(target) ?? 0)) };
    });
  }
}
