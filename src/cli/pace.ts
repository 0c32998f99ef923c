/** How fast something gets done, measured over the last few seconds so that it follows a change. */
export class Pace {
  private readonly samples: { at: number; done: number }[] = [];

  constructor(private readonly total: number) {}

  /** Notes that `done` are done at `at`, in milliseconds of any clock that never goes back. */
  note(done: number, at: number): void {
    this.samples.push({ at, done });
    while (this.samples.length > 2 && this.samples[1]!.at <= at - WINDOW_MS) this.samples.shift();
  }

  /** Done in a second; 0 as long as nobody can tell. */
  perSecond(): number {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last === undefined || last.at === first.at) return 0;
    return ((last.done - first.done) * 1_000) / (last.at - first.at);
  }

  /** Seconds until all is done at this pace; null as long as nobody can tell. */
  secondsLeft(): number | null {
    const rate = this.perSecond();
    const left = this.total - (this.samples.at(-1)?.done ?? 0);
    if (left <= 0) return 0;
    return rate > 0 ? left / rate : null;
  }
}

const WINDOW_MS = 3_000;
