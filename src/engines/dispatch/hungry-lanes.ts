interface HungryLane {
  laneSeq: number;
  level: number;
}

/** Lanes that have work but got no permit, per upstream; served lowest level first, in turn inside a level. */
export class HungryLanes {
  private readonly byKey = new Map<string, HungryLane[]>();

  /** A lane that is added again goes behind the others of its level. */
  add(key: string, laneSeq: number, level: number): void {
    let lanes = this.byKey.get(key);
    if (!lanes) this.byKey.set(key, (lanes = []));
    const place = lanes.findIndex((lane) => lane.laneSeq === laneSeq);
    if (place >= 0) lanes.splice(place, 1);
    lanes.push({ laneSeq, level });
  }

  /** Whether a lane of a lower level waits, which goes first. */
  hasBelow(key: string, level: number): boolean {
    return this.byKey.get(key)?.some((lane) => lane.level < level) ?? false;
  }

  /** Takes out all lanes of this upstream, in the order in which they are to be served. */
  takeAll(key: string): number[] {
    const lanes = this.byKey.get(key)?.splice(0) ?? [];
    return lanes.sort((a, b) => a.level - b.level).map(({ laneSeq }) => laneSeq);
  }
}
