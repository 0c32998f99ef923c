/** Plain shapes that cross the thread between stores and procedures. */
import type { BatchOutcome } from '../../kernel/batch-state.js';
import type { IdempotencyClaim } from './idempotency.js';

export interface NewBatch {
  id: string;
  tenantSeq: number;
  /** Set when the submitter named a queue; else each line is routed by its model. */
  queueSeq: number | null;
  level: number;
  endpoint: string;
  completionWindow: string;
  windowMs: number;
  inputFileId: string;
  /** JSON text, or null. */
  metadata: string | null;
  /** How long the result files live after they are made; null for the default. */
  outputTtlMs: number | null;
  idempotency: IdempotencyClaim | null;
}

export interface NewLine {
  queueSeq: number;
  laneSeq: number;
  customId: string;
  /** Where the line's `body` value stands in the input blob. */
  bodyOffset: number;
  bodyLength: number;
}

export interface NewLines {
  batchSeq: number;
  tenantSeq: number;
  /** How many lines of the batch have a task already; these are the next ones. */
  from: number;
  total: number;
  /** The model of all lines, or null when they differ. */
  model: string | null;
  lines: NewLine[];
}

export interface ResultFile {
  fileId: string;
  filename: string;
  blobKey: string;
  bytes: number;
  sha256: string;
  ttlMs: number;
}

export interface FinishedBatch {
  batchSeq: number;
  outcome: BatchOutcome;
  output: ResultFile | null;
  error: ResultFile | null;
}
