import 'reflect-metadata';
import { Controller, Get, Module, Post, type Type } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { RouteAccessCheck } from './route-access.check.js';
import { Public, Scopes } from './scopes.decorator.js';

@Controller('v1/good')
class GoodController {
  @Get(':id')
  @Scopes('files')
  get(): void {}

  @Get()
  @Public()
  list(): void {}
}

@Controller('v1/all')
@Scopes('batches')
class WhollyGoodController {
  @Get()
  list(): void {}
}

@Controller('v1/bad')
class BadController {
  @Get(':id/forgotten')
  forgotten(): void {}

  @Post()
  @Public()
  fine(): void {}
}

async function boot(...controllers: Type[]): Promise<void> {
  @Module({ imports: [DiscoveryModule], controllers, providers: [RouteAccessCheck] })
  class TestModule {}
  const app = await NestFactory.createApplicationContext(TestModule, { logger: false, abortOnError: false });
  await app.close();
}

describe('at the start', () => {
  it('every route must say who may call it', async () => {
    await expect(boot(GoodController, WhollyGoodController)).resolves.toBeUndefined();
  });

  it('one that does not is refused by name', async () => {
    await expect(boot(GoodController, BadController)).rejects.toThrow(
      'These routes say neither @Scopes() nor @Public(): GET /v1/bad/:id/forgotten (BadController.forgotten)',
    );
  });
});
