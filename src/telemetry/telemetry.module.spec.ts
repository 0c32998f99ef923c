import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect, it } from 'vitest';
import { AppLogger, createLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { NestLogger } from './nest-logger.js';
import { TelemetryModule } from './telemetry.module.js';

@Injectable()
class Reader {
  constructor(
    readonly logger: AppLogger,
    readonly metrics: Metrics,
  ) {}
}

@Module({ providers: [Reader] })
class FeatureModule {}

it('gives one log and one set of metrics to every module, and takes the lines of Nest', async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) });
  const metrics = new Metrics({ version: '0', mode: 'embedded' });

  @Module({ imports: [TelemetryModule.forRoot(logger, metrics), FeatureModule] })
  class RootModule {}

  const app = await NestFactory.createApplicationContext(RootModule, { logger: new NestLogger(logger) });
  expect(app.get(Reader)).toMatchObject({ logger, metrics });
  expect(app.get(AppLogger)).toBe(logger);
  expect(app.get(Metrics)).toBe(metrics);
  expect(lines.join('')).toContain('"name":"InstanceLoader"');
  await app.close();
});
