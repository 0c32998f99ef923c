import { Module } from '@nestjs/common';
import { UpstreamHealth } from './upstream-health.js';
import { UpstreamModels } from './upstream-models.js';
import { UpstreamProber } from './upstream-prober.js';
import { UpstreamsService } from './upstreams.service.js';

const PROVIDERS = [UpstreamHealth, UpstreamModels, UpstreamProber, UpstreamsService];

@Module({ providers: PROVIDERS, exports: PROVIDERS })
export class UpstreamsModule {}
