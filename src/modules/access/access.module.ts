import { Module } from '@nestjs/common';
import { AccessService } from './access.service.js';
import { KeysService } from './keys.service.js';
import { TenantsService } from './tenants.service.js';

const SERVICES = [AccessService, KeysService, TenantsService];

@Module({ providers: SERVICES, exports: SERVICES })
export class AccessModule {}
