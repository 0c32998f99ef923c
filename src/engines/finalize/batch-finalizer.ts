/**
 * The result files of one batch. A result file is seen whole or not at all: a finalize that was cut off leaves blobs that
 * nobody names, and the next one starts anew under the same file ids.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import type { BatchOutcome } from '../../kernel/batch-state.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { newId } from '../../kernel/ids.js';
import { bodyOf } from '../../kernel/kept-answer.js';
import { LostText, Spill } from '../../modules/tasks/spill.js';
import { BlobStore } from '../../ports/blob-store.js';
import { BatchStore, type EndedLine, type StoredBatch } from '../../store/batch.store.js';
import type { ResultFile } from '../../store/procedures/batch-shapes.js';
import { FinalizeTelemetry } from './finalize-telemetry.js';
import { ResultFileWriter, type WrittenFile } from './result-file-writer.js';
import { resultLine } from './result-line.js';

/** Rows a read: longer reads keep the log from being reset. */
const PAGE_LINES = 500;
const LOST_ANSWER = {
  errorCode: 'answer_lost',
  errorMessage: 'This request was answered, but the stored answer is missing or damaged on the disk of the server.',
};

class Stopping extends Error {}

@Injectable()
export class BatchFinalizer {
  private isStopping = false;

  constructor(
    private readonly config: AppConfig,
    private readonly batches: BatchStore,
    private readonly blobs: BlobStore,
    private readonly spill: Spill,
    private readonly telemetry: FinalizeTelemetry,
  ) {}

  /** Breaks off what is being written. */
  stop(): void {
    this.isStopping = true;
  }

  /** Writes the files of a batch that has stopped, and ends it. */
  async finalize(batchSeq: number): Promise<void> {
    const batch = await this.batches.planResultFiles(batchSeq, newId('file'), newId('file'));
    const outcome = batch.outcome as BatchOutcome;
    const written = await this.writeFiles(batch);
    if (!written) return;
    crashPoint('finalize:written');
    const isEnded = await this.batches.finish({
      batchSeq,
      outcome,
      output: this.resultFile(batch, batch.plannedOutputId!, 'output', written.output),
      error: this.resultFile(batch, batch.plannedErrorId!, 'error', written.error),
    });
    crashPoint('finalize:finished');
    if (isEnded) this.telemetry.ended(batch, outcome);
  }

  /** Null when the server is stopping; the next one begins anew. */
  private async writeFiles(
    batch: StoredBatch,
  ): Promise<{ output: WrittenFile | null; error: WrittenFile | null } | null> {
    const output = new ResultFileWriter(this.blobs);
    const error = new ResultFileWriter(this.blobs);
    try {
      for (let after = 0; after < batch.total; after += PAGE_LINES) {
        if (this.isStopping) throw new Stopping();
        const page = await this.batches.endedLines(batch.seq, after, after + PAGE_LINES);
        for (const line of page) {
          const body = line.blobKey === null ? line.body : await this.readSpilled(line.blobKey);
          const file = addLine(batch.id, line, body, output, error);
          if (file.isFull) await file.flush();
        }
        await nextTurn(); // reads and appends may all have been answered from memory: let others run
        crashPoint('finalize:page');
      }
      return { output: await output.commit(), error: await error.commit() };
    } catch (failure) {
      await Promise.all([output.abort(), error.abort()]);
      if (failure instanceof Stopping) return null;
      throw failure;
    }
  }

  /** Null when the disk has lost or changed it: then its line says so, instead of the whole batch waiting for ever. */
  private async readSpilled(key: string): Promise<string | null> {
    try {
      return await this.spill.read({ body: null, blobKey: key });
    } catch (error) {
      if (!(error instanceof LostText)) throw error;
      this.telemetry.failed(new Error(`${error.message}; its line goes into the error file`));
      return null;
    }
  }

  private resultFile(
    batch: StoredBatch,
    fileId: string,
    kind: 'output' | 'error',
    written: WrittenFile | null,
  ): ResultFile | null {
    if (!written) return null;
    const ttlMs = batch.outputTtlMs ?? this.config.times.fileTtlMs;
    return { ...written, fileId, filename: `${batch.id}_${kind}.jsonl`, ttlMs };
  }
}

/** Adds a line to the file where it belongs, and returns that file. */
function addLine(
  batchId: string,
  line: EndedLine,
  body: string | null,
  output: ResultFileWriter,
  error: ResultFileWriter,
): ResultFileWriter {
  const isLost = line.blobKey !== null && body === null;
  const answer = body === null ? null : bodyOf(body);
  const { isGood, text } = resultLine(batchId, isLost ? { ...line, ...LOST_ANSWER } : line, answer);
  const file = isGood ? output : error;
  file.add(text);
  return file;
}
