/** Lanes that have work but got no permit, per upstream; served lowest level first, in turn inside a level. */
export class HungryLanes {
  private readonly byKey = new Map<string, Map<number, number>>();

  /** A lane that is added again goes behind the others of its level. */
  add(key: string, laneSeq: number, level: number): void {
    let lanes = this.byKey.get(key);
    if (!lanes) {
      lanes = new Map<number, number>();
      this.byKey.set(key, lanes);
    }
    lanes.delete(laneSeq);
    lanes.set(laneSeq, level);
  }

  /** Takes out all lanes of this upstream, in the order in which they are to be served. */
  takeAll(key: string): number[] {
    const lanes = [...(this.byKey.get(key) ?? [])];
    this.byKey.delete(key);
    return lanes.sort(([, a], [, b]) => a - b).map(([laneSeq]) => laneSeq);
  }
}
