import { Module } from '@nestjs/common';
import { CallbackTargets } from './callback-targets.js';
import { CallbacksService } from './callbacks.service.js';
import { WebhookSecretsService } from './webhook-secrets.service.js';

const PROVIDERS = [CallbackTargets, CallbacksService, WebhookSecretsService];

@Module({ providers: PROVIDERS, exports: PROVIDERS })
export class CallbacksModule {}
