/** How long a line is kept back after it was told. */
const QUIET_MS = 60_000;

/**
 * What fails only because the store, or what holds the blobs, is away fails in each loop and each request until it is back.
 * Each such line is told once, and then once a minute.
 */
export class OutageLines {
  private readonly told = new Map<string, { at: number; keptBack: number }>();

  /** How often the line was kept back since it was told last; null when it is to be kept back once more. */
  tell(line: string): number | null {
    const now = performance.now();
    const last = this.told.get(line);
    if (last !== undefined && now - last.at < QUIET_MS) {
      last.keptBack += 1;
      return null;
    }
    this.told.set(line, { at: now, keptBack: 0 });
    return last?.keptBack ?? 0;
  }
}
