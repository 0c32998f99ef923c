import { Module, type DynamicModule } from '@nestjs/common';
import { AppLogger } from './logger.js';
import { Metrics } from './metrics.js';

/** Gives the log and the metrics to everybody. Both are made before Nest starts, which logs already. */
@Module({})
export class TelemetryModule {
  static forRoot(logger: AppLogger, metrics: Metrics): DynamicModule {
    return {
      module: TelemetryModule,
      global: true,
      providers: [
        { provide: AppLogger, useValue: logger },
        { provide: Metrics, useValue: metrics },
      ],
      exports: [AppLogger, Metrics],
    };
  }
}
