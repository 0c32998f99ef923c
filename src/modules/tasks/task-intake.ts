/** How tasks come in: routed, stored, and told of. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import type { BulkClaim } from '../../store/procedures/bulk-keys.js';
import type { NewTask, PutOutcome } from '../../store/procedures/single-shapes.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import type { Lane } from '../queues/queues.service.js';
import { EarlyStarts, type EarlyStart } from './early-starts.js';
import { Spill } from './spill.js';
import { TaskNotices } from './task-notices.js';
import { TaskRouting } from './task-routing.js';
import type { PutReceipt, PutRequest } from './task-requests.js';

@Injectable()
export class TaskIntake {
  constructor(
    private readonly store: SingleTaskStore,
    private readonly routing: TaskRouting,
    private readonly spill: Spill,
    private readonly earlyStarts: EarlyStarts,
    private readonly notices: TaskNotices,
    private readonly clock: Clock,
  ) {}

  /**
   * Stores a task; durable when it resolves. Refuses with `queue_not_found`, `no_route`, `no_handler`,
   * `queue_full` or `idempotency_key_reused`. `id`: its id, for whoever waits for it from before it exists.
   */
  async put(request: PutRequest, id = newId('task')): Promise<PutReceipt> {
    const { task, lane } = await this.toTask(request, id);
    let start: EarlyStart | null = null;
    if (isAwaited(task)) start = await this.earlyStarts.reserve(lane, task);
    else if (isNext(task)) this.earlyStarts.passBy(lane.seq);
    if (start) task.lease = start.lease;
    let outcome: PutOutcome | undefined;
    try {
      [outcome] = await this.store.put([task]);
    } finally {
      start?.settle(outcome);
    }
    this.announce([task], [outcome!]);
    return receiptOf(outcome!);
  }

  /**
   * Stores many of one tenant in one transaction; each is answered by itself, in its place, and those that are refused already
   * with their refusal. `key`: the Idempotency-Key of all of them together. Refuses with `idempotency_key_reused`.
   */
  async putMany(
    requests: readonly (PutRequest | MillraceError)[],
    key: string | null = null,
  ): Promise<(PutReceipt | MillraceError)[]> {
    const made = await Promise.all(
      requests.map(async (request) =>
        request instanceof MillraceError ? request : this.toTask(request, newId('task')).catch(asRefusal),
      ),
    );
    const tasks = made.flatMap((each) => (each instanceof MillraceError ? [] : [each.task]));
    for (const task of tasks) if (isNext(task)) this.earlyStarts.passBy(task.laneSeq);
    const outcomes = tasks.length === 0 ? [] : await this.store.put(tasks, bulkClaimOf(requests, made, key));
    this.announce(tasks, outcomes);
    let next = 0;
    return made.map((task) => {
      if (task instanceof MillraceError) return task;
      const outcome = outcomes[(next += 1) - 1]!;
      if (outcome.kind !== 'refused') return receiptOf(outcome);
      const refusal = MillraceError.fromPlain(outcome.error);
      if (refusal.code === 'idempotency_key_reused') throw refusal; // then it is that of all of them
      return refusal;
    });
  }

  private async toTask(request: PutRequest, id: string): Promise<{ task: NewTask; lane: Lane }> {
    const { lane, type } = await this.routing.route(request);
    const now = this.clock.now();
    const availableAt = request.delayMs === null ? request.notBefore : now + request.delayMs;
    const { tenantSeq, keyId, mode, endpoint, traceId, callbackUrl, idempotencyKey: key } = request;
    const task: NewTask = {
      id,
      tenantSeq,
      keyId,
      mode,
      type,
      endpoint,
      traceId,
      callbackUrl,
      availableAt,
      ttlMs: request.ttlMs + Math.max(0, (availableAt ?? now) - now),
      ...(await this.spill.keep(request.body)),
      queueSeq: lane.queue.seq,
      laneSeq: lane.seq,
      idempotency: key === null ? null : { key, requestHash: hashOf(request) },
      lease: null,
    };
    return { task, lane };
  }

  private announce(tasks: readonly NewTask[], outcomes: readonly PutOutcome[]): void {
    const ready = new Map<number, number>();
    tasks.forEach(({ laneSeq }, index) => {
      const outcome = outcomes[index]!;
      if (outcome.kind === 'put' && outcome.isReady) ready.set(laneSeq, (ready.get(laneSeq) ?? 0) + 1);
    });
    for (const [laneSeq, count] of ready) this.notices.came(laneSeq, count);
  }
}

/** Whether a caller waits for it, and from now on. One that may be there already is not worth a permit. */
function isAwaited(task: NewTask): boolean {
  const { mode, idempotency } = task;
  return isNext(task) && mode !== 'callback' && idempotency === null;
}

/** Whether an upstream may be called for it as soon as it is stored. */
function isNext({ type, availableAt }: NewTask): boolean {
  return type === null && availableAt === null;
}

function receiptOf(outcome: PutOutcome): PutReceipt {
  if (outcome.kind === 'refused') throw MillraceError.fromPlain(outcome.error);
  return { id: outcome.id, isReplay: outcome.kind === 'replay' };
}

function asRefusal(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  throw error;
}

/** `made`: what became of each request so far. One that was refused from the first says nothing but why. */
function bulkClaimOf(
  requests: readonly (PutRequest | MillraceError)[],
  made: readonly unknown[],
  key: string | null,
): BulkClaim | null {
  if (key === null) return null;
  const meanings = requests.map((request) => (request instanceof MillraceError ? request.message : hashOf(request)));
  const places = [...made.keys()].filter((place) => !(made[place] instanceof MillraceError));
  return { key, places, requestHash: sha256(JSON.stringify(meanings)) };
}

/** Of all that says what is to be done; not of who says it when. */
function hashOf({ queueName, level, mode, type, endpoint, model, body, ttlMs, ...rest }: PutRequest): string {
  const { delayMs, notBefore, traceId, callbackUrl } = rest;
  const meaning = [
    queueName,
    level,
    mode,
    type,
    endpoint,
    model,
    body,
    ttlMs,
    delayMs,
    notBefore,
    traceId,
    callbackUrl,
  ];
  return sha256(JSON.stringify(meaning));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
