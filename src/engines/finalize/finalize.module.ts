import { Module } from '@nestjs/common';
import { FinalizeTelemetry } from './finalize-telemetry.js';
import { FinalizeEngine } from './finalize.engine.js';
import { Settler } from './settler.js';

@Module({ providers: [FinalizeEngine, FinalizeTelemetry, Settler] })
export class FinalizeModule {}
