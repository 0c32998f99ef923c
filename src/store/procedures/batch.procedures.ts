/** The life of a batch: made, read in, stopped, settled, finished. */
import { MillraceError } from '../../kernel/errors.js';
import type { BatchOutcome } from '../../kernel/batch-state.js';
import { BatchRow } from '../entities/batch.entity.js';
import { FileRow } from '../entities/file.entity.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAct } from './audit.js';
import type { FinishedBatch, NewBatch, NewLines } from './batch-shapes.js';
import { findVisibleFile, insertBlob } from './file.procedures.js';
import { rememberKey } from './idempotency.js';
import { LaneCounts } from './lane-counts.js';
import { failsForLineQuota } from './quota.js';

/** A stored batch, and whether it was there before because of an Idempotency-Key. */
export interface CreatedBatch {
  batch: BatchRow;
  isReplay: boolean;
}

export const createBatch = procedureOfOne('batch-create', async (tx, item: NewBatch): Promise<CreatedBatch> => {
  const known = await rememberKey(tx, item.tenantSeq, 'batches', item.idempotency, item.id);
  if (known !== null) return { batch: await tx.manager.findOneByOrFail(BatchRow, { id: known }), isReplay: true };
  const file = await findVisibleFile(tx.manager, item.tenantSeq, item.inputFileId, tx.now);
  if (!file) {
    throw new MillraceError('not_found', `No such File object: ${item.inputFileId}`, { param: 'input_file_id' });
  }
  if (file.purpose !== 'batch') {
    throw new MillraceError(
      'invalid_value',
      `File '${file.id}' has purpose '${file.purpose}'. Upload the input file with purpose 'batch'.`,
      { param: 'input_file_id' },
    );
  }
  const { idempotency: _, windowMs, ...columns } = item;
  const row = tx.manager.create(BatchRow, {
    ...columns,
    state: 'validating',
    inputBlobSeq: file.blobSeq,
    createdAt: tx.now,
    expiresAt: tx.now + windowMs,
  });
  await tx.manager.insert(BatchRow, row);
  return { batch: await tx.manager.findOneByOrFail(BatchRow, { id: item.id }), isReplay: false };
});

const INGEST = statement<{
  batchSeq: number;
  from: number;
  count: number;
  total: number;
  model: string | null;
  now: number;
}>('batch-ingest');
const INSERT_LINE = statement<{
  tenantSeq: number;
  queueSeq: number;
  laneSeq: number;
  batchSeq: number;
  line: number;
  customId: string;
  bodyOffset: number;
  bodyLength: number;
  now: number;
}>('task-insert-line');

/**
 * Inserts the next lines of a batch as ready tasks. False when the batch is not where the caller believes it to be (ended,
 * or these lines are in already): nothing is written then, and the caller must look again. Before its first lines a batch
 * that its tenant's quota has no room for is failed, which is false too.
 */
export const insertLines = procedureOfMany(
  'batch-lines',
  async (tx, chunks: readonly NewLines[]) => {
    const accepted: boolean[] = [];
    const counts = new LaneCounts();
    for (const chunk of chunks) {
      const { batchSeq, tenantSeq, from, total, model, lines } = chunk;
      const isExpected =
        !(from === 0 && (await failsForLineQuota(tx, chunk))) &&
        (await tx.run(INGEST, { batchSeq, from, count: lines.length, total, model, now: tx.now })) === 1;
      accepted.push(isExpected);
      if (!isExpected) continue;
      await tx.later(
        INSERT_LINE,
        // Written out: a spread makes each of them several times as large.
        lines.map(({ queueSeq, laneSeq, customId, bodyOffset, bodyLength }, index) => ({
          tenantSeq,
          queueSeq,
          laneSeq,
          batchSeq,
          line: from + index + 1,
          customId,
          bodyOffset,
          bodyLength,
          now: tx.now,
        })),
      );
      for (const line of lines) counts.add(line.laneSeq, 'put');
    }
    await counts.writeChecked(tx);
    return accepted;
  },
  { lanesOf: (_tx, chunks) => [...new Set(chunks.flatMap(({ lines }) => lines.map(({ laneSeq }) => laneSeq)))] },
);

/** Ends a batch whose file is not fit to run; `errors` is the JSON of OpenAI's list. False if it had moved on. */
export const failBatch = procedureOfOne(
  'batch-fail',
  async (tx, { batchSeq, errors }: { batchSeq: number; errors: string }) => {
    const { affected } = await tx.manager.update(
      BatchRow,
      { seq: batchSeq, state: 'validating' },
      { state: 'failed', failedAt: tx.now, endedAt: tx.now, errors },
    );
    return affected === 1;
  },
);

/**
 * Asks a batch to stop. A batch that is stopping or was cancelled is returned as it is; one that ended otherwise refuses.
 * `by`: who asks; null when it is nobody to be named.
 */
export const cancelBatch = procedureOfOne(
  'batch-cancel',
  async (tx, { tenantSeq, id, by }: { tenantSeq: number; id: string; by: string | null }) => {
    const known = await tx.manager.findOneBy(BatchRow, { tenantSeq, id });
    const batch = known && (await lockedBatch(tx, known.seq));
    if (!batch) throw new MillraceError('not_found', `No batch found with id '${id}'.`);
    if (batch.state === 'cancelling' || batch.state === 'cancelled') return batch;
    if (batch.state !== 'validating' && batch.state !== 'in_progress') {
      throw new MillraceError('batch_not_cancellable', `Cannot cancel a batch with status '${batch.state}'.`);
    }
    await tx.manager.update(
      BatchRow,
      { seq: batch.seq },
      { state: 'cancelling', outcome: 'cancelled', cancellingAt: tx.now },
    );
    const detail = { total: batch.total, completed: batch.completed, failed: batch.failed };
    if (by !== null) await noteAct(tx, { by, action: 'batch.cancel', tenantSeq, subject: id, detail });
    return tx.manager.findOneByOrFail(BatchRow, { seq: batch.seq });
  },
);

/** Stops a batch whose window is over. One of which no line was read yet ends at once; returns whether it stopped now. */
export const expireBatch = procedureOfOne('batch-expire', async (tx, { batchSeq }: { batchSeq: number }) => {
  const batch = await lockedBatch(tx, batchSeq);
  if (batch.expiresAt > tx.now) return false;
  if (batch.state === 'validating') {
    await tx.manager.update(
      BatchRow,
      { seq: batchSeq },
      { state: 'expired', outcome: 'expired', settledAt: tx.now, expiredAt: tx.now, endedAt: tx.now },
    );
    return true;
  }
  if (batch.state !== 'in_progress') return false;
  await tx.manager.update(
    BatchRow,
    { seq: batchSeq },
    { state: 'finalizing', outcome: 'expired', finalizingAt: tx.now },
  );
  return true;
});

const SETTLE = statement<
  { batchSeq: number; after: number; until: number; state: number; now: number; leased: number },
  { laneSeq: number }
>('batch-settle');
const LIVE = statement<{ batchSeq: number; after: number; until: number }, { live: number }>('batch-live-lines');

export interface SettleWindow {
  batchSeq: number;
  /** Lines after this one … */
  after: number;
  /** … up to and including this one; at most SWEEP_ROWS apart. */
  until: number;
  outcome: BatchOutcome;
  /** Whether lines that are being run are ended too. */
  isWithLeased: boolean;
}

export interface SettledWindow {
  settled: number;
  /** Lines that are still being run. */
  live: number;
  /** Lanes whose queues may have room now, because lines that were being run were ended. */
  freedLaneSeqs: number[];
}

/** Ends the lines of a stopped batch in one window that have not ended. */
export const settleLines = procedureOfOne(
  'batch-settle',
  async (tx, window: SettleWindow): Promise<SettledWindow> => {
    const { batchSeq, after, until, outcome, isWithLeased } = window;
    const isExpired = outcome === 'expired';
    const settled = await tx.all(SETTLE, {
      batchSeq,
      after,
      until,
      state: isExpired ? 5 : 6,
      now: tx.now,
      leased: isWithLeased ? 1 : 0,
    });
    const counts = new LaneCounts();
    for (const { laneSeq } of settled) counts.add(laneSeq, isExpired ? 'expired' : 'cancelled');
    await counts.write(tx);
    const [left] = await tx.all(LIVE, { batchSeq, after, until });
    const freedLaneSeqs = isWithLeased ? [...new Set(settled.map(({ laneSeq }) => laneSeq))] : [];
    return { settled: settled.length, live: left!.live, freedLaneSeqs };
  },
  { isRareAct: false },
);

/** Notes that no line of a stopped batch is live any more, and fixes the ids of its result files, once. */
export const planResultFiles = procedureOfOne(
  'batch-plan',
  async (tx, { batchSeq, outputId, errorId }: { batchSeq: number; outputId: string; errorId: string }) => {
    const batch = await lockedBatch(tx, batchSeq);
    if (batch.plannedOutputId !== null) return batch;
    await tx.manager.update(
      BatchRow,
      { seq: batchSeq },
      { plannedOutputId: outputId, plannedErrorId: errorId, settledAt: tx.now },
    );
    return tx.manager.findOneByOrFail(BatchRow, { seq: batchSeq });
  },
);

/** Makes the result files visible and ends the batch, in one step. False when somebody else has done it already. */
export const finishBatch = procedureOfOne('batch-finish', async (tx, item: FinishedBatch) => {
  const { batchSeq, outcome, output, error } = item;
  const batch = await lockedBatch(tx, batchSeq);
  if (batch.state !== 'finalizing' && batch.state !== 'cancelling') return false;
  if (output) await insertResultFile(tx, batch, output);
  if (error) await insertResultFile(tx, batch, error);
  const stamp = { completed: 'completedAt', expired: 'expiredAt', cancelled: 'cancelledAt' } as const;
  await tx.manager.update(
    BatchRow,
    { seq: batchSeq },
    {
      state: outcome,
      outputFileId: output?.fileId ?? null,
      errorFileId: error?.fileId ?? null,
      [stamp[outcome]]: tx.now,
      endedAt: tx.now,
    },
  );
  return true;
});

/** As it is, and stays until this transaction ends: whoever records lines moves batches on too. */
async function lockedBatch(tx: Tx, seq: number): Promise<BatchRow> {
  await tx.locks?.row('batch', seq);
  return tx.manager.findOneByOrFail(BatchRow, { seq });
}

async function insertResultFile(tx: Tx, batch: BatchRow, result: NonNullable<FinishedBatch['output']>): Promise<void> {
  const blobSeq = await insertBlob(tx, result);
  await tx.manager.insert(FileRow, {
    id: result.fileId,
    tenantSeq: batch.tenantSeq,
    blobSeq,
    purpose: 'batch_output',
    filename: result.filename,
    bytes: result.bytes,
    createdAt: tx.now,
    expiresAt: tx.now + result.ttlMs,
  });
}
