import { Module } from '@nestjs/common';
import { HandlersModule } from '../handlers/handlers.module.js';
import { ClaimsService } from './claims.service.js';
import { HandledTypes } from './handled-types.js';
import { InstanceService } from './instance.service.js';
import { LeaseRescue } from './lease-rescue.js';

const PROVIDERS = [ClaimsService, HandledTypes, InstanceService, LeaseRescue];

@Module({ imports: [HandlersModule], providers: PROVIDERS, exports: PROVIDERS })
export class InstancesModule {}
