/** Where this server is in its life; the composition root moves it on. One per server. */
export class ServerPhase {
  private phase: 'starting' | 'serving' | 'stopping' = 'starting';

  get current(): 'starting' | 'serving' | 'stopping' {
    return this.phase;
  }

  /** Everything has started, engines included. */
  serve(): void {
    if (this.phase === 'starting') this.phase = 'serving';
  }

  /** No new work from now on. */
  stop(): void {
    this.phase = 'stopping';
  }
}
