import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId } from '../../kernel/ids.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { EventBus } from '../../ports/event-bus.js';
import { QueueStore, type StoredUpstream } from '../../store/queue.store.js';
import type { Upstream } from './upstream.js';

/** What MILLRACE_UPSTREAM_* say of an upstream; see Upstream. */
export type UpstreamSpec = Pick<Upstream, 'name' | 'baseUrl' | 'key' | 'concurrency' | 'perMinute'>;

/** Four characters of a key that is shorter than this would be too much of it. */
const SHORTEST_SHOWN_KEY = 12;

@Injectable()
export class UpstreamsService {
  constructor(
    private readonly store: QueueStore,
    private readonly sealer: SecretSealer,
    private readonly events: EventBus,
  ) {}

  /** Makes the upstream that variables describe, or brings the one of that name up to date. */
  async putFromVariables({ key, ...spec }: UpstreamSpec): Promise<StoredUpstream> {
    const row = await this.store.putUpstream({ ...spec, ...this.seal(key), id: newId('upstream'), source: 'env' });
    this.events.publish('queues.changed', {});
    return row;
  }

  async all(): Promise<Upstream[]> {
    return (await this.store.upstreams()).map((row) => this.open(row));
  }

  /** A key as it is kept. */
  seal(key: string | null): Pick<StoredUpstream, 'sealedKey' | 'keyLast4'> {
    if (key === null) return { sealedKey: null, keyLast4: null };
    return { sealedKey: this.sealer.seal(key), keyLast4: lastFourOf(key) };
  }

  open(row: StoredUpstream): Upstream {
    const { seq, id, name, baseUrl, concurrency, perMinute, sealedKey } = row;
    const key = sealedKey === null ? null : this.sealer.open(sealedKey);
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([baseUrl, key]))
      .digest('hex')
      .slice(0, 8);
    return { seq, id, name, baseUrl, key, fingerprint, concurrency, perMinute };
  }
}

/** What may be shown of a key: enough for its owner to know it by. */
function lastFourOf(key: string): string {
  return key.length < SHORTEST_SHOWN_KEY ? '****' : key.slice(-4);
}
