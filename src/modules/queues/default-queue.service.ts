/**
 * Makes sure that the shared queue `default` exists, and that it is worked off by the upstream that MILLRACE_UPSTREAM_*
 * names. Without those variables it keeps whatever an admin gave it, except an upstream that an earlier start took from
 * them.
 */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { DEFAULT_QUEUE, DEFAULT_TENANT } from '../../kernel/default-names.js';
import { newId } from '../../kernel/ids.js';
import { AccessStore } from '../../store/access.store.js';
import { QueueStore } from '../../store/queue.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { UpstreamsService } from '../upstreams/upstreams.service.js';
import type { Consumer } from './queue.js';
import { QueuesService } from './queues.service.js';

const NO_CONSUMER =
  "nothing consumes the queue 'default' yet: set MILLRACE_UPSTREAM_URL to an OpenAI-compatible base URL, such as " +
  'http://127.0.0.1:11434/v1 for Ollama, and start again';

@Injectable()
export class DefaultQueueService implements OnModuleInit {
  constructor(
    private readonly config: AppConfig,
    private readonly access: AccessStore,
    private readonly store: QueueStore,
    private readonly upstreams: UpstreamsService,
    private readonly queues: QueuesService,
    private readonly logger: AppLogger,
  ) {}

  async onModuleInit(): Promise<void> {
    const tenant = await this.access.ensureTenant(DEFAULT_TENANT, newId('tenant'));
    const known = (await this.store.queues()).find((row) => row.name === DEFAULT_QUEUE && row.tenantSeq === tenant.seq);
    const upstreamSeq = await this.upstreamSeq(known?.upstreamSeq ?? null);
    const others = known ? (JSON.parse(known.consumers) as Consumer[]).filter((kind) => kind !== 'upstream') : [];
    await this.store.putQueue({
      id: newId('queue'),
      tenantSeq: tenant.seq,
      name: DEFAULT_QUEUE,
      visibility: 'shared',
      endpoint: known?.endpoint ?? null,
      models: known?.models ?? '[]',
      consumers: JSON.stringify(upstreamSeq === null ? others : [...others, 'upstream']),
      upstreamSeq,
    });
    await this.queues.refresh();
    if (upstreamSeq === null && others.length === 0) this.logger.warn({}, NO_CONSUMER);
  }

  /** The upstream that `default` is to have: the variables', else the one it has unless that came from variables. */
  private async upstreamSeq(knownSeq: number | null): Promise<number | null> {
    const { upstream } = this.config;
    if (upstream) {
      const row = await this.upstreams.putFromVariables({
        name: DEFAULT_QUEUE,
        baseUrl: upstream.url,
        key: upstream.key,
        concurrency: upstream.concurrency,
        perMinute: null,
      });
      return row.seq;
    }
    const known = (await this.store.upstreams()).find((row) => row.seq === knownSeq);
    return known && known.source !== 'env' ? known.seq : null;
  }
}
