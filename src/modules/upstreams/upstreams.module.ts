import { Module } from '@nestjs/common';
import { UpstreamsService } from './upstreams.service.js';

@Module({ providers: [UpstreamsService], exports: [UpstreamsService] })
export class UpstreamsModule {}
