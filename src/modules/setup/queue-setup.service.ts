/** Queues as operators set them up. A change is in effect when the call resolves, in this process. */
import { Injectable } from '@nestjs/common';
import { DEFAULT_QUEUE } from '../../kernel/default-names.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import type { CompletionRule } from '../../kernel/pull.js';
import { retryPolicyOf, type RetryChoice } from '../../kernel/retry-policy.js';
import type { QueueChanges } from '../../store/procedures/queue.procedures.js';
import { QueueStore, type StoredQueue, type StoredUpstream } from '../../store/queue.store.js';
import { TenantsService } from '../access/tenants.service.js';
import type { Consumer } from '../queues/queue.js';
import { QueuesService } from '../queues/queues.service.js';
import { SetupChanges } from './setup-changes.js';
import { UpstreamSetupService } from './upstream-setup.service.js';

/** What an operator says of a queue; the shapes have been checked. */
export interface QueueSettings {
  visibility: 'private' | 'shared';
  endpoint: string | null;
  models: readonly string[];
  /** Left out: what goes with the upstream. */
  consumers?: readonly Consumer[];
  /** Name or id. */
  upstream: string | null;
  /** Null: the server's. */
  retry: RetryChoice | null;
  /** Tasks leased at the same time, over all consumers; null for no limit. */
  maxConcurrency: number | null;
  /** Tasks begun per minute; null for no limit. */
  perMinute: number | null;
  /** Tasks that wait; a put beyond it is refused. Null for no limit. */
  maxDepth: number | null;
  /** How long an ended task is kept; null: as the server does. */
  resultTtlMs: number | null;
  completionRule: CompletionRule;
  /** Whether what workers report over Redis counts for its tasks. */
  eventbus: boolean;
}

/** What a queue is unless somebody says otherwise. */
export const USUAL_QUEUE: QueueSettings = {
  visibility: 'private',
  endpoint: null,
  models: [],
  upstream: null,
  retry: null,
  completionRule: 'first',
  maxConcurrency: null,
  perMinute: null,
  maxDepth: null,
  resultTtlMs: null,
  eventbus: false,
};

@Injectable()
export class QueueSetupService {
  constructor(
    private readonly store: QueueStore,
    private readonly queues: QueuesService,
    private readonly upstreams: UpstreamSetupService,
    private readonly tenants: TenantsService,
    private readonly changes: SetupChanges,
  ) {}

  /** Of all tenants, oldest first. */
  list(): Promise<StoredQueue[]> {
    return this.store.queues();
  }

  /** By id, or by the name of a shared queue or of the only one named so. Refuses with `not_found` or `conflict`. */
  async get(nameOrId: string): Promise<StoredQueue> {
    const rows = await this.store.queues();
    const namesakes = rows.filter(({ name }) => name === nameOrId);
    const row = rows.find(({ id }) => id === nameOrId) ?? namesakes[0];
    if (!row) throw new MillraceError('not_found', `No queue has the name or id '${nameOrId}'.`);
    if (row.id === nameOrId || namesakes.length === 1) return row;
    const ids = namesakes.map(({ id }) => `'${id}'`).join(', ');
    throw new MillraceError(
      'conflict',
      `Several tenants have a queue named '${nameOrId}': say which by its id, ${ids}.`,
    );
  }

  /** Refuses with `not_found` an unknown tenant or upstream, with `conflict` a name that is taken. */
  async create(tenantName: string, name: string, settings: QueueSettings, by: string): Promise<StoredQueue> {
    const { seq: tenantSeq } = await this.tenants.named(tenantName, 'tenant');
    return this.createFor(tenantSeq, name, settings, by);
  }

  /** As `create`, for a tenant that is known. */
  async createFor(tenantSeq: number, name: string, settings: QueueSettings, by: string): Promise<StoredQueue> {
    const columns = await this.columnsOf(settings, null);
    const { visibility, endpoint, models } = settings;
    const { maxConcurrency, perMinute, maxDepth, resultTtlMs, completionRule } = settings;
    return this.changes.inEffect(
      this.store.createQueue({
        id: newId('queue'),
        tenantSeq,
        name,
        visibility,
        endpoint,
        models: JSON.stringify(models),
        consumers: '[]',
        upstreamSeq: null,
        maxConcurrency,
        perMinute,
        maxDepth,
        resultTtlMs,
        completionRule,
        retryPolicy: null,
        ...columns,
        by,
      }),
    );
  }

  /** Changes what is given. Refuses as `create` does. */
  async update(nameOrId: string, settings: Partial<QueueSettings>, by: string): Promise<StoredQueue> {
    const row = await this.get(nameOrId);
    if (isDefault(row)) await this.checkDefault(row, settings);
    const changes = await this.columnsOf(settings, row);
    if (Object.keys(changes).length === 0) return row;
    return this.changes.inEffect(this.store.updateQueue(row.seq, changes, by));
  }

  /** A paused queue hands out nothing; what runs goes on. Refuses with `not_found`. */
  async setPaused(nameOrId: string, isPaused: boolean, by: string): Promise<StoredQueue> {
    const { seq } = await this.get(nameOrId);
    return this.changes.inEffect(this.store.setQueuePaused(seq, isPaused, by));
  }

  /** Refuses with `not_found`, and with `conflict` unless the queue is empty. */
  async delete(nameOrId: string, by: string): Promise<StoredQueue> {
    const row = await this.get(nameOrId);
    if (isDefault(row)) {
      throw new MillraceError(
        'conflict',
        `The queue '${row.name}' takes what no other queue does; it cannot be deleted.`,
      );
    }
    // First of all nothing more goes to it: what was routed to it before is seen by the store, which refuses then.
    this.queues.forget(row.seq);
    await this.changes.inEffect(this.store.deleteQueue(row.seq, by));
    return row;
  }

  /** The columns of what is given. `row`: the queue as it is, if there is one. */
  private async columnsOf(settings: Partial<QueueSettings>, row: StoredQueue | null): Promise<QueueChanges> {
    const { visibility, endpoint, models, retry, maxConcurrency, perMinute, maxDepth } = settings;
    const { resultTtlMs, completionRule, eventbus } = settings;
    if (retry) checkRetry(retry);
    return {
      ...given({ maxConcurrency, perMinute, maxDepth, resultTtlMs, completionRule }),
      ...(eventbus === undefined ? {} : { eventbus: Number(eventbus) }),
      ...(visibility === undefined ? {} : { visibility }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(models === undefined ? {} : { models: JSON.stringify(models) }),
      ...(retry === undefined ? {} : { retryPolicy: retry === null ? null : JSON.stringify(retry) }),
      ...(await this.consumption(settings, row)),
    };
  }

  /** Who works the queue off: `upstream` is among the consumers if and only if there is one. */
  private async consumption(
    { consumers, upstream }: Partial<QueueSettings>,
    row: StoredQueue | null,
  ): Promise<QueueChanges> {
    if (consumers === undefined && upstream === undefined) return {};
    const found = upstream ? await this.upstreamNamed(upstream) : null;
    const upstreamSeq = upstream === undefined ? (row?.upstreamSeq ?? null) : (found?.seq ?? null);
    const known = JSON.parse(row?.consumers ?? '[]') as Consumer[];
    const others = known.filter((kind) => kind !== 'upstream');
    const wanted = consumers ?? (upstreamSeq === null ? others : [...others, 'upstream' as const]);
    checkConsumers(wanted, upstreamSeq !== null);
    return { consumers: JSON.stringify(wanted), upstreamSeq };
  }

  private async upstreamNamed(nameOrId: string): Promise<StoredUpstream> {
    try {
      return await this.upstreams.get(nameOrId);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new MillraceError('invalid_value', error.message, { param: 'upstream' });
    }
  }

  /** At each start `default` is made shared, and gets the upstream of the variables if they are set. */
  private async checkDefault(row: StoredQueue, settings: Partial<QueueSettings>): Promise<void> {
    if (settings.visibility === 'private') {
      const text = `The queue '${row.name}' takes what no other queue does; it stays shared.`;
      throw new MillraceError('conflict', text, { param: 'visibility' });
    }
    if (settings.upstream === undefined && settings.consumers === undefined) return;
    const upstream = (await this.store.upstreams()).find(({ seq }) => seq === row.upstreamSeq);
    if (upstream?.source !== 'env') return;
    const text = `The upstream of the queue '${row.name}' is set up by MILLRACE_UPSTREAM_*: change those variables instead.`;
    throw new MillraceError('conflict', text, { param: 'upstream' });
  }
}

/** Without what is undefined, which here means: as it was. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** The shared one; a tenant's queue cannot have its name. */
function isDefault({ name }: StoredQueue): boolean {
  return name === DEFAULT_QUEUE;
}

function checkConsumers(consumers: readonly Consumer[], hasUpstream: boolean): void {
  if (consumers.includes('upstream') === hasUpstream) return;
  const text = hasUpstream
    ? "Invalid 'consumers': the queue has an upstream, so 'upstream' is one of them. Set 'upstream' to null to have none."
    : "Invalid 'consumers': 'upstream' needs the name of one in 'upstream'.";
  throw new MillraceError('invalid_value', text, { param: 'consumers' });
}

function checkRetry(choice: RetryChoice): void {
  const { firstMs, maxMs } = retryPolicyOf(choice).backoff;
  if (firstMs <= maxMs) return;
  const text = `Invalid 'retry_policy': the first back-off, ${firstMs} ms, is longer than the longest, ${maxMs} ms.`;
  throw new MillraceError('invalid_value', text, { param: 'retry_policy' });
}
