/**
 * How a blob writer ends: once, by the first of `commit` and `abort`, whatever is under way. Where the bytes go is for the
 * adapters to say.
 */
import type { BlobWriter } from '../../ports/blob-store.js';

export abstract class EndingWriter implements BlobWriter {
  /** All writes so far, one after the other; once rejected, it stays so and the writer is of no more use. */
  private writes: Promise<void> = Promise.resolve();
  private committing: Promise<void> | null = null;
  private aborting: Promise<void> | null = null;
  private isCommitted = false;

  write(chunk: Buffer): Promise<void> {
    if (this.committing || this.aborting) return Promise.reject(new Error('This blob writer has ended'));
    this.writes = this.writes.then(() => this.append(chunk));
    return this.writes;
  }

  commit(): Promise<void> {
    if (this.aborting && !this.committing) return Promise.reject(new Error('This blob writer was aborted'));
    this.committing ??= this.finishWrites();
    return this.committing;
  }

  abort(): Promise<void> {
    this.aborting ??= this.discardWrites();
    return this.aborting;
  }

  /** Takes a chunk in; never two at a time. */
  protected abstract append(chunk: Buffer): Promise<void>;
  /** Makes the blob durable and visible; all writes are through. */
  protected abstract finish(): Promise<void>;
  /** Takes away what there is, also what a commit that failed has left under the final name. */
  protected abstract discard(): Promise<void>;
  /** Told once, when the writer has ended either way. */
  protected abstract ended(): Promise<void> | void;

  protected get wasToBeCommitted(): boolean {
    return this.committing !== null;
  }

  private async finishWrites(): Promise<void> {
    await this.writes;
    await this.finish();
    this.isCommitted = true;
    await this.ended();
  }

  /** A commit that is under way wins. */
  private async discardWrites(): Promise<void> {
    await Promise.allSettled([this.writes, this.committing]);
    if (this.isCommitted) return;
    await this.discard();
    await this.ended();
  }
}
