/** The compiler of the test runner must treat decorators and fields as the one that builds the server does. */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { plainToInstance } from 'class-transformer';
import { IsInt, validateSync } from 'class-validator';
import { describe, expect, it } from 'vitest';

abstract class Greeter {
  abstract greet(): string;
}

@Injectable()
class PoliteGreeter extends Greeter {
  greet(): string {
    return 'good day';
  }
}

@Injectable()
class Host {
  constructor(readonly greeter: Greeter) {}
}

@Module({ providers: [Host, { provide: Greeter, useClass: PoliteGreeter }] })
class HostModule {}

class Door {
  @IsInt()
  number!: number;
}

describe('the test compiler', () => {
  it('lets Nest inject by the type of a constructor parameter', async () => {
    const app = await NestFactory.createApplicationContext(HostModule, { logger: false });
    expect(app.get(Host).greeter.greet()).toBe('good day');
    await app.close();
  });

  it('defines declared fields and keeps their decorators', () => {
    expect(Object.keys(new Door())).toEqual(['number']);
    expect(validateSync(plainToInstance(Door, { number: 'one' }))).toHaveLength(1);
    expect(validateSync(plainToInstance(Door, { number: 1 }))).toHaveLength(0);
  });
});
