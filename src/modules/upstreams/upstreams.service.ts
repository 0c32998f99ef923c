import { Injectable } from '@nestjs/common';
import { newId } from '../../kernel/ids.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { EventBus } from '../../ports/event-bus.js';
import { QueueStore, type StoredUpstream } from '../../store/queue.store.js';
import type { Upstream } from './upstream.js';

/** What somebody says of an upstream; see Upstream. */
export interface UpstreamSpec {
  tenantSeq: number;
  name: string;
  baseUrl: string;
  key: string | null;
  concurrency: number;
  perMinute: number | null;
  /** `env` for the one that MILLRACE_UPSTREAM_URL makes. */
  source: 'env' | 'console';
}

@Injectable()
export class UpstreamsService {
  constructor(
    private readonly store: QueueStore,
    private readonly sealer: SecretSealer,
    private readonly events: EventBus,
  ) {}

  /** Makes the upstream, or brings the one of that name up to date. */
  async put({ key, ...spec }: UpstreamSpec): Promise<StoredUpstream> {
    const row = await this.store.putUpstream({
      ...spec,
      id: newId('upstream'),
      sealedKey: key === null ? null : this.sealer.seal(key),
      keyLast4: key === null ? null : key.slice(-4),
    });
    this.events.publish('queues.changed', {});
    return row;
  }

  async all(): Promise<Upstream[]> {
    return (await this.store.upstreams()).map((row) => this.open(row));
  }

  private open(row: StoredUpstream): Upstream {
    const { seq, id, name, baseUrl, concurrency, perMinute, sealedKey } = row;
    const key = sealedKey === null ? null : this.sealer.open(sealedKey);
    return { seq, id, name, baseUrl, key, concurrency, perMinute };
  }
}
