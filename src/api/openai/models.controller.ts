import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { MillraceError } from '../../kernel/errors.js';
import type { Caller } from '../../modules/access/caller.js';
import { QueueModelsService, type QueueModel } from '../../modules/queues/queue-models.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
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

/** What can be asked for. */
@ApiTags('Models')
@Scopes('batches')
@Controller('v1/models')
export class ModelsController {
  constructor(private readonly models: QueueModelsService) {}

  @Get()
  @ApiOperation({
    summary: "List the models of the caller's queues and of the shared ones",
    description: 'Of a queue that takes any model: those that its upstream says it has.',
  })
  @ApiOkResponse({ schema: { example: EXAMPLE } })
  async list(@CurrentCaller() { tenantSeq }: Caller): Promise<{ object: 'list'; data: ModelView[] }> {
    return { object: 'list', data: (await this.models.of(tenantSeq)).map(toView) };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One model' })
  @ApiParam({ name: 'id', example: 'demo-small' })
  @ApiOkResponse({ schema: { example: EXAMPLE.data[0] } })
  @ApiErrors({ 404: "The model 'demo-large' does not exist." })
  async retrieve(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<ModelView> {
    const model = (await this.models.of(tenantSeq)).find((known) => known.id === id);
    if (!model) throw new MillraceError('not_found', `The model '${id}' does not exist.`, { param: 'model' });
    return toView(model);
  }
}

function toView({ id, queue }: QueueModel): ModelView {
  return { id, object: 'model', created: 0, owned_by: queue.name };
}
