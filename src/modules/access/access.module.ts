import { Module } from '@nestjs/common';
import { AccessService } from './access.service.js';
import { KeysService } from './keys.service.js';

@Module({ providers: [AccessService, KeysService], exports: [AccessService, KeysService] })
export class AccessModule {}
