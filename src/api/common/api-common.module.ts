import { Module } from '@nestjs/common';
import { APP_GUARD, APP_PIPE, DiscoveryModule } from '@nestjs/core';
import { AccessModule } from '../../modules/access/access.module.js';
import { AuthGuard } from './auth.guard.js';
import { RouteAccessCheck } from './route-access.check.js';
import { ValidationPipe } from './validation.pipe.js';

/** What all dialects share: who may call what, and how bodies are checked. */
@Module({
  imports: [AccessModule, DiscoveryModule],
  providers: [
    RouteAccessCheck,
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_PIPE, useClass: ValidationPipe },
  ],
})
export class ApiCommonModule {}
