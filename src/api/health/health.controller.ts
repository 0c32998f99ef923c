import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Metrics } from '../../telemetry/metrics.js';
import { Public, Scopes } from '../common/scopes.decorator.js';
import { Readiness, type Check } from './readiness.js';

const WELL = {
  server: { status: 'ok', detail: 'serving' },
  store: { status: 'ok', detail: 'takes writes' },
  calls: { status: 'ok', detail: 'carried' },
};
const READY = { status: 'ready', checks: { ...WELL, calls: { status: 'degraded', detail: 'Redis is away' } } };
const NOT_READY = { status: 'not_ready', checks: { ...WELL, server: { status: 'failed', detail: 'starting' } } };

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
  @ApiOperation({
    summary: 'Whether requests should be sent here; says which check failed if not',
    description:
      'A check that is `degraded` does not make a server unready: without Redis work is accepted and kept, and begins when ' +
      'Redis is back. A process of the role `engine` is not ready then, because it gets no calls.',
  })
  @ApiOkResponse({ schema: { example: READY } })
  @ApiResponse({
    status: 503,
    schema: { example: NOT_READY },
    description: 'Starting, stopping, the store is ill, or an engine gets no calls',
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    const { isReady, checks } = await this.readiness.report();
    void reply.code(isReady ? 200 : 503);
    const shown = Object.entries(checks).map(([name, check]) => [
      name,
      { status: statusOf(check), detail: check.detail },
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

function statusOf({ isOk, isVital }: Check): string {
  if (isOk) return 'ok';
  return isVital ? 'failed' : 'degraded';
}
