/** Upstreams as operators set them up. A change is in effect when the call resolves, in this process. */
import { Injectable } from '@nestjs/common';
import { DEFAULT_QUEUE } from '../../kernel/default-names.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { QueueStore, type StoredUpstream } from '../../store/queue.store.js';
import { UpstreamProber, type ProbeResult } from '../upstreams/upstream-prober.js';
import type { Upstream } from '../upstreams/upstream.js';
import { UpstreamsService } from '../upstreams/upstreams.service.js';
import { SetupChanges } from './setup-changes.js';

/** What an operator says of an upstream; the shapes have been checked. */
export type UpstreamSettings = Pick<Upstream, 'name' | 'baseUrl' | 'key' | 'concurrency' | 'perMinute'>;

@Injectable()
export class UpstreamSetupService {
  constructor(
    private readonly store: QueueStore,
    private readonly upstreams: UpstreamsService,
    private readonly prober: UpstreamProber,
    private readonly changes: SetupChanges,
  ) {}

  /** Oldest first. */
  list(): Promise<StoredUpstream[]> {
    return this.store.upstreams();
  }

  /** By id or name. Refuses with `not_found`. */
  async get(nameOrId: string): Promise<StoredUpstream> {
    const rows = await this.store.upstreams();
    const row = rows.find(({ id }) => id === nameOrId) ?? rows.find(({ name }) => name === nameOrId);
    if (row) return row;
    throw new MillraceError('not_found', `No upstream has the name or id '${nameOrId}'.`);
  }

  /** Refuses with `conflict` when the name is taken. */
  async create({ key, ...settings }: UpstreamSettings, by: string): Promise<StoredUpstream> {
    if (settings.name === DEFAULT_QUEUE) {
      const text = `The name '${DEFAULT_QUEUE}' is kept for the upstream that MILLRACE_UPSTREAM_URL sets up.`;
      throw new MillraceError('conflict', text, { param: 'name' });
    }
    const columns = { ...settings, ...this.upstreams.seal(key), id: newId('upstream'), source: 'console' };
    return this.changes.inEffect(this.store.createUpstream({ ...columns, by }));
  }

  /** Changes what is given. Refuses with `not_found`, and with `conflict` for what variables set up. */
  async update(
    nameOrId: string,
    { key, ...settings }: Partial<Omit<UpstreamSettings, 'name'>>,
    by: string,
  ): Promise<StoredUpstream> {
    const row = await this.get(nameOrId);
    if (row.source === 'env') {
      const text = `The upstream '${row.name}' is set up by MILLRACE_UPSTREAM_*: change those variables instead.`;
      throw new MillraceError('conflict', text);
    }
    const changes = { ...settings, ...(key === undefined ? {} : this.upstreams.seal(key)) };
    if (Object.keys(changes).length === 0) return row;
    return this.changes.inEffect(this.store.updateUpstream(row.seq, changes, by));
  }

  /** Refuses with `not_found`, and with `conflict` as long as a queue uses it. */
  async delete(nameOrId: string, by: string): Promise<StoredUpstream> {
    const row = await this.get(nameOrId);
    await this.changes.inEffect(this.store.deleteUpstream(row.seq, by));
    return row;
  }

  /** Calls the upstream once, outside all permits. Refuses with `not_found`. */
  async test(nameOrId: string): Promise<ProbeResult> {
    return this.prober.probe(this.upstreams.open(await this.get(nameOrId)));
  }
}
