import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Metrics } from '../../telemetry/metrics.js';
import { Public, Scopes } from '../common/scopes.decorator.js';
import { Readiness } from './readiness.js';

const READY = { status: 'ready', checks: { server: { status: 'ok', detail: 'serving' } } };
const NOT_READY = { status: 'not_ready', checks: { server: { status: 'failed', detail: 'starting' } } };

/** For those who watch over the server. */
@ApiTags('Health')
@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: Metrics,
  ) {}

  @Get('livez')
  @Public()
  @ApiOperation({ summary: 'Whether the process answers at all; restart it if it does not' })
  @ApiOkResponse({ schema: { example: { status: 'ok' } } })
  live(): object {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Public()
  @ApiOperation({ summary: 'Whether requests should be sent here; says which check failed if not' })
  @ApiOkResponse({ schema: { example: READY } })
  @ApiResponse({ status: 503, schema: { example: NOT_READY }, description: 'Starting, stopping, or the store is ill' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    const { isReady, checks } = await this.readiness.report();
    void reply.code(isReady ? 200 : 503);
    const shown = Object.entries(checks).map(([name, { isOk, detail }]) => [
      name,
      { status: isOk ? 'ok' : 'failed', detail },
    ]);
    return { status: isReady ? 'ready' : 'not_ready', checks: Object.fromEntries(shown) as object };
  }

  @Get('metrics')
  @Scopes('metrics')
  @ApiOperation({ summary: 'All metrics in the text format of Prometheus' })
  @ApiOkResponse({ content: { 'text/plain': { example: 'millrace_tasks_created_total{queue="default"} 50000' } } })
  async scrape(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.render();
  }
}
