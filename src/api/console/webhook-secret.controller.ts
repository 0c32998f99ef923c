import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { toSeconds } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { TenantsService } from '../../modules/access/tenants.service.js';
import { WebhookSecretsService } from '../../modules/callbacks/webhook-secrets.service.js';
import type { StoredWebhookSecret } from '../../store/webhook-secret.store.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { Scopes } from '../common/scopes.decorator.js';
import {
  CreatedWebhookSecretDto,
  DEFAULT_OVERLAP_SECONDS,
  RotateWebhookSecretDto,
  WebhookSecretDto,
} from './webhook-secret.dto.js';

const PARAM = { name: 'name', description: 'The name of the tenant', example: 'acme' };
const UNKNOWN = "No tenant is named 'acme'.";

/** What the callbacks of a tenant's tasks are signed with. */
@ApiTags('Console: keys and tenants')
@Scopes('admin')
@Controller('v1/console/tenants/:name/webhook-secret')
export class WebhookSecretController {
  constructor(
    private readonly tenants: TenantsService,
    private readonly secrets: WebhookSecretsService,
  ) {}

  @Get()
  @ApiOperation({ summary: "Describe the secret that signs a tenant's callbacks" })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: WebhookSecretDto })
  @ApiErrors({ 404: "The tenant 'acme' has no webhook secret yet." })
  async retrieve(@Param('name') name: string): Promise<WebhookSecretDto> {
    const row = await this.secrets.find((await this.tenants.named(name)).seq);
    if (row) return toDto(name, row);
    throw new MillraceError('not_found', `The tenant '${name}' has no webhook secret yet.`);
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: "Make a secret that signs a tenant's callbacks",
    description:
      'If there was one before, callbacks are signed with both for a while, so that receivers can change over. A tenant ' +
      'that has none when its first callback is sent gets one that nobody has seen: make another to see it.',
  })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: CreatedWebhookSecretDto })
  @ApiErrors({
    400: "Invalid 'overlap_seconds': integer above maximum value. Expected a value <= 604800, but got 700000 instead.",
    404: UNKNOWN,
  })
  async rotate(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Body() body: RotateWebhookSecretDto,
  ): Promise<CreatedWebhookSecretDto> {
    const tenant = await this.tenants.named(name);
    const overlapMs = (body.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS) * 1000;
    const { secret, row } = await this.secrets.rotate(tenant, overlapMs, actorOf(caller));
    return Object.assign(toDto(name, row), { secret });
  }
}

function toDto(tenant: string, { last4, rotatedAt, previousUntil }: StoredWebhookSecret): WebhookSecretDto {
  return {
    object: 'webhook_secret',
    tenant,
    last4,
    rotated_at: toSeconds(rotatedAt),
    previous_until: toSeconds(previousUntil),
  };
}
