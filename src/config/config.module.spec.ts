import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect, it } from 'vitest';
import { AppConfig } from './app-config.js';
import { ConfigModule } from './config.module.js';
import { loadConfig } from './load-config.js';

@Injectable()
class Reader {
  constructor(readonly config: AppConfig) {}
}

@Module({ providers: [Reader] })
class FeatureModule {}

it('gives the same frozen config to every module', async () => {
  const config = loadConfig({ env: {}, cwd: import.meta.dirname, isTerminal: false });

  @Module({ imports: [ConfigModule.forRoot(config), FeatureModule] })
  class RootModule {}

  const app = await NestFactory.createApplicationContext(RootModule, { logger: false });
  expect(app.get(Reader).config).toBe(config);
  expect(app.get(AppConfig)).toBe(config);
  await app.close();
});
