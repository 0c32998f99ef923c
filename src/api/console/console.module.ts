import { Module } from '@nestjs/common';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { StatsController } from './stats.controller.js';

/** For operators: what the server holds and how it is set up. */
@Module({ imports: [QueuesModule], controllers: [StatsController] })
export class ConsoleModule {}
