import { Module } from '@nestjs/common';
import { BatchesModule } from '../../modules/batches/batches.module.js';
import { FilesModule } from '../../modules/files/files.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { BatchesController } from './batches.controller.js';
import { FilesController } from './files.controller.js';
import { ModelsController } from './models.controller.js';

/** OpenAI's Files and Batch API. */
@Module({
  imports: [FilesModule, BatchesModule, QueuesModule],
  controllers: [FilesController, BatchesController, ModelsController],
})
export class OpenAiModule {}
