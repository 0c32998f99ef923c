/** Reads a lane's head in small pages, as far as somebody asks. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';

export interface HeadTask {
  seq: number;
  epoch: number;
  enqueuedAt: number;
}

const HEAD = statement<{ laneSeq: number; after: number; now: number; limit: number }, HeadTask>('lane-head');

/** A lane as a worker's take sees it. */
export interface OpenLane {
  laneSeq: number;
  queueSeq: number;
  clearedSeq: number;
  maxConcurrency: number | null;
  /** 1 while a task that was taken sequentially is leased, else 0. */
  isLocked: number;
}

export class LaneCursor {
  private page: HeadTask[] = [];
  private next = 0;
  private after: number;
  private isAtEnd = false;

  /** `youngest`: the latest instant of coming in that is old enough. */
  constructor(
    private readonly tx: Tx,
    readonly lane: OpenLane,
    private readonly youngest: number,
    private readonly pageSize: number,
  ) {
    this.after = lane.clearedSeq;
  }

  /** The first task that was not taken yet; null when there is none. */
  async peek(): Promise<HeadTask | null> {
    if (this.next === this.page.length && !this.isAtEnd) await this.turn();
    return this.page[this.next] ?? null;
  }

  /** Takes what `peek` showed. */
  skip(): void {
    this.next += 1;
  }

  private async turn(): Promise<void> {
    const { laneSeq } = this.lane;
    const { after, youngest, pageSize: limit } = this;
    const page = await this.tx.all(HEAD, { laneSeq, after, now: this.tx.now, limit });
    // A lane is in the order in which its tasks came in, so behind one that is too young there is none to be looked for.
    const tooYoung = page.findIndex(({ enqueuedAt }) => enqueuedAt > youngest);
    this.page = tooYoung < 0 ? page : page.slice(0, tooYoung);
    this.next = 0;
    this.isAtEnd = page.length < limit || tooYoung >= 0;
    this.after = page.at(-1)?.seq ?? after;
  }
}
