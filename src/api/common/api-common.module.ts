import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, DiscoveryModule } from '@nestjs/core';
import { AccessModule } from '../../modules/access/access.module.js';
import { AuthGuard } from './auth.guard.js';
import { ErrorFilter } from './error.filter.js';
import { RouteAccessCheck } from './route-access.check.js';
import { ValidationPipe } from './validation.pipe.js';

/** What all dialects share: who may call what, how bodies are checked, and where errors end. */
@Module({
  imports: [AccessModule, DiscoveryModule],
  providers: [
    RouteAccessCheck,
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_PIPE, useClass: ValidationPipe },
  ],
})
export class ApiCommonModule {}
