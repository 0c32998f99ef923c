import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BatchesModule } from '../../modules/batches/batches.module.js';
import { FilesModule } from '../../modules/files/files.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { BatchesController } from './batches.controller.js';
import { FilesController } from './files.controller.js';
import { ModelsController } from './models.controller.js';
import { OpenAiErrorFilter } from './openai-error.filter.js';

/** OpenAI's Files and Batch API, and the form of errors wherever no other dialect has one. */
@Module({
  imports: [FilesModule, BatchesModule, QueuesModule],
  controllers: [FilesController, BatchesController, ModelsController],
  providers: [{ provide: APP_FILTER, useClass: OpenAiErrorFilter }],
})
export class OpenAiModule {}
