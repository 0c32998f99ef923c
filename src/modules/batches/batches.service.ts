import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { parseCompletionWindow } from '../../kernel/completion-window.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { EventBus } from '../../ports/event-bus.js';
import { BatchStore, type StoredBatch } from '../../store/batch.store.js';
import { Metrics } from '../../telemetry/metrics.js';
import { QueuesService } from '../queues/queues.service.js';

/** What a caller asks for; the shapes of its parts have been checked. */
export interface BatchRequest {
  tenantSeq: number;
  inputFileId: string;
  endpoint: string;
  /** `<n>m`, `<n>h` or `<n>d`. */
  completionWindow: string;
  metadata: Record<string, string> | null;
  /** How long the result files live, in ms; null for the default. */
  outputTtlMs: number | null;
  queueName: string | null;
  level: number;
  idempotencyKey: string | null;
}

export interface BatchPage {
  batches: StoredBatch[];
  hasMore: boolean;
}

@Injectable()
export class BatchesService {
  constructor(
    private readonly store: BatchStore,
    private readonly queues: QueuesService,
    private readonly events: EventBus,
    private readonly metrics: Metrics,
  ) {}

  /** Stores the batch as `validating` and lets the ingest engine know. */
  async create(request: BatchRequest): Promise<StoredBatch> {
    const { idempotencyKey, queueName, metadata, ...rest } = request;
    const { batch, isReplay } = await this.store.create({
      ...rest,
      id: newId('batch'),
      windowMs: parseCompletionWindow(request.completionWindow),
      queueSeq: queueName === null ? null : this.queueSeq(request.tenantSeq, queueName, request.endpoint),
      metadata: metadata === null ? null : JSON.stringify(metadata),
      idempotency: idempotencyKey === null ? null : { key: idempotencyKey, requestHash: hashOf(request) },
    });
    if (!isReplay) this.metrics.batchesCreated.inc();
    this.events.publish('batch.ingest', { batchSeq: batch.seq });
    return batch;
  }

  async get(tenantSeq: number, id: string): Promise<StoredBatch> {
    checkBatchId(id);
    const batch = await this.store.find(tenantSeq, id);
    if (!batch) throw new MillraceError('not_found', `No batch found with id '${id}'.`);
    return batch;
  }

  /** Newest first, after the batch `after`. */
  async list(tenantSeq: number, after: string | null, limit: number): Promise<BatchPage> {
    const beforeSeq = after === null ? null : (await this.get(tenantSeq, after)).seq;
    const batches = await this.store.page(tenantSeq, beforeSeq, limit + 1);
    return { batches: batches.slice(0, limit), hasMore: batches.length > limit };
  }

  /** `by`: who asks, for the audit log. */
  async cancel(tenantSeq: number, id: string, by: string): Promise<StoredBatch> {
    checkBatchId(id);
    const batch = await this.store.cancel(tenantSeq, id, by);
    this.events.publish('batch.finalize', { batchSeq: batch.seq });
    return batch;
  }

  private queueSeq(tenantSeq: number, name: string, endpoint: string): number {
    const queue = this.queues.named(tenantSeq, name);
    if (!queue) throw new MillraceError('queue_not_found', `No queue is named '${name}'.`, { param: 'queue' });
    if (queue.endpoint !== null && queue.endpoint !== endpoint) {
      throw new MillraceError(
        'invalid_value',
        `The queue '${name}' serves '${queue.endpoint}', but the batch is for '${endpoint}'.`,
        { param: 'queue' },
      );
    }
    return queue.seq;
  }
}

function checkBatchId(id: string): void {
  if (id.startsWith('batch')) return;
  throw new MillraceError('invalid_value', `Invalid 'batch_id': '${id}'. Expected an ID that begins with 'batch'.`, {
    param: 'batch_id',
  });
}

function hashOf(request: BatchRequest): string {
  const { idempotencyKey: _, ...meaning } = request;
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex');
}
