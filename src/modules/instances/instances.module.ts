import { Module } from '@nestjs/common';
import { HandlersModule } from '../handlers/handlers.module.js';
import { InstanceService } from './instance.service.js';

@Module({ imports: [HandlersModule], providers: [InstanceService], exports: [InstanceService] })
export class InstancesModule {}
