import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { MillraceError } from '../../kernel/errors.js';
import type { Caller } from '../../modules/access/caller.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { Scopes } from '../common/scopes.decorator.js';

interface ModelView {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
}

const EXAMPLE = {
  object: 'list',
  data: [{ id: 'demo-small', object: 'model', created: 0, owned_by: 'default' }],
};

/** What can be asked for. A queue without a list of models takes any, so it adds none here. */
@ApiTags('Models')
@Scopes('batches')
@Controller('v1/models')
export class ModelsController {
  constructor(private readonly queues: QueuesService) {}

  @Get()
  @ApiOperation({ summary: "List the models of the caller's queues and of the shared ones" })
  @ApiOkResponse({ schema: { example: EXAMPLE } })
  list(@CurrentCaller() { tenantSeq }: Caller): { object: 'list'; data: ModelView[] } {
    return { object: 'list', data: [...this.modelsOf(tenantSeq).values()] };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One model' })
  @ApiOkResponse({ schema: { example: EXAMPLE.data[0] } })
  retrieve(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): ModelView {
    const model = this.modelsOf(tenantSeq).get(id);
    if (!model) throw new MillraceError('not_found', `The model '${id}' does not exist.`, { param: 'model' });
    return model;
  }

  private modelsOf(tenantSeq: number): Map<string, ModelView> {
    const models = new Map<string, ModelView>();
    for (const queue of this.queues.all()) {
      if (queue.tenantSeq !== tenantSeq && !queue.isShared) continue;
      for (const id of queue.models) {
        if (!models.has(id)) models.set(id, { id, object: 'model', created: 0, owned_by: queue.name });
      }
    }
    return models;
  }
}
