/** What a worker has written into a stream, as it came: from anybody who knows the stream's name. */
export interface StreamedReport {
  name: string;
  /** JSON text, if all is well; null when it is larger than what is read. */
  payload: Buffer | null;
}

/** Where workers write. The name of a stream is `topic` and the instance id that came with a task. */
export interface StreamAddress {
  url: string;
  topic: string;
}

export interface StreamListener {
  /** Tenants whose streams count, as things are now. */
  tenants: () => ReadonlySet<number>;
  /**
   * Gets the reports of one tenant in their order, and the next ones once it has resolved. What it rejects is lost. After
   * `signal` it must not take long any more.
   */
  hear: (tenantSeq: number, reports: readonly StreamedReport[], signal: AbortSignal) => Promise<void>;
}

/**
 * Streams into which workers report to this process without HTTP: one for each tenant, with a name that nobody can guess, so
 * that what is in it is by whoever was told it. They end with the process, or soon after it has died.
 *
 * Lossy: what is written while nobody reads, or beyond what a stream holds, may be gone.
 */
export abstract class ReportStreams {
  /** What they want, as the end of a sentence, where there are none: then nothing is heard, and there is no address. */
  abstract readonly missing: string | null;
  /** Of this process, for workers to write to. */
  abstract readonly instanceId: string;
  abstract addressOf(tenantSeq: number): StreamAddress;
  /** Begins to read; once. */
  abstract listen(listener: StreamListener): void;
  abstract close(): Promise<void>;
}
