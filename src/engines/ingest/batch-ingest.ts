/**
 * One batch, from its file to its tasks. Nothing runs before the last line has passed. How far a batch has come is in its row,
 * so a start after a crash reads the file again and goes on behind the last line that is in.
 */
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { DamagedBytes } from '../../modules/files/vouched-bytes.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { BlobStore } from '../../ports/blob-store.js';
import { BatchStore, type StoredBatch } from '../../store/batch.store.js';
import { FileStore } from '../../store/file.store.js';
import type { NewLine } from '../../store/procedures/batch-shapes.js';
import { IngestTelemetry } from './ingest-telemetry.js';
import { DAMAGED_FILE, readBatch, refused, type BatchInput, type ReadResult, type RouteLine } from './read-batch.js';

/** Lines a transaction: as many as a group commit takes. */
const LINES_PER_WRITE = 500;

@Injectable()
export class BatchIngest {
  private isStopping = false;

  constructor(
    private readonly config: AppConfig,
    private readonly batches: BatchStore,
    private readonly files: FileStore,
    private readonly blobs: BlobStore,
    private readonly queues: QueuesService,
    private readonly telemetry: IngestTelemetry,
  ) {}

  /** Inserts no more lines; the next start goes on behind the last one. */
  stop(): void {
    this.isStopping = true;
  }

  /** Reads the file of a batch in from where it broke off, or fails the batch. */
  async ingest(batch: StoredBatch): Promise<void> {
    const blob = await this.files.blob(batch.inputBlobSeq);
    const input = { blobKey: blob.key, bytes: blob.bytes, sha256: blob.sha256, endpoint: batch.endpoint };
    crashPoint('ingest:reading');
    const read = await this.read(batch, input);
    if (!read.isFit) {
      if (await this.batches.fail(batch.seq, read.errorsJson)) this.telemetry.failed(batch);
      return;
    }
    await this.insert(batch, read.lines, read.model);
  }

  /** A file that the disk has lost or changed is refused like one that was never right, and the log tells the operator. */
  private async read(batch: StoredBatch, input: BatchInput): Promise<ReadResult> {
    try {
      if ((await this.blobs.stat(input.blobKey)) === null) throw new DamagedBytes('it is missing');
      return await readBatch(this.blobs, input, this.config.limits, this.routeOf(batch));
    } catch (error) {
      if (!(error instanceof DamagedBytes)) throw error;
      this.telemetry.damaged(batch, input.blobKey, error);
      return refused(DAMAGED_FILE);
    }
  }

  private async insert(batch: StoredBatch, lines: NewLine[], model: string | null): Promise<void> {
    const startedAt = performance.now();
    for (let from = batch.ingested; from < lines.length && !this.isStopping; from += LINES_PER_WRITE) {
      const chunk = lines.slice(from, from + LINES_PER_WRITE);
      const isAccepted = await this.batches.insertLines({
        batchSeq: batch.seq,
        tenantSeq: batch.tenantSeq,
        from,
        total: lines.length,
        model,
        lines: chunk,
      });
      if (!isAccepted) return this.noteEnd(batch); // it was stopped before its first line
      crashPoint('ingest:inserted');
      this.queues.call(new Set(chunk.map((line) => line.laneSeq)));
    }
    this.telemetry.started(batch, lines.length, performance.now() - startedAt);
    this.warnIfStuck(batch, lines);
  }

  /** A batch that its tenant's quota had no room for was failed by the store. */
  private async noteEnd({ seq }: StoredBatch): Promise<void> {
    const batch = await this.batches.bySeq(seq);
    if (batch.state === 'failed') this.telemetry.failed(batch);
  }

  private routeOf(batch: StoredBatch): RouteLine {
    return async (model) => {
      const query = { tenantSeq: batch.tenantSeq, endpoint: batch.endpoint, model };
      const queue = batch.queueSeq === null ? this.queues.route(query) : this.queues.bySeq(batch.queueSeq);
      if (!queue) return null;
      const lane = await this.queues.lane(queue, batch.level);
      return { queueSeq: queue.seq, laneSeq: lane.seq };
    };
  }

  private warnIfStuck(batch: StoredBatch, lines: NewLine[]): void {
    for (const laneSeq of new Set(lines.map((line) => line.laneSeq))) {
      const queue = this.queues.laneBySeq(laneSeq)?.queue;
      if (queue && queue.consumers.size === 0) this.telemetry.stuck(batch, queue.name);
    }
  }
}
