import { Injectable, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { HandlerRegistry } from './handler-registry.js';
import { HandlersModule } from './handlers.module.js';
import { TaskHandler, type HandlerContext, type HandlerTask } from './task-handler.js';

class Paper {
  readonly sheets = 3;
}

@Injectable()
class Printer {
  constructor(private readonly paper: Paper) {}

  @TaskHandler('print', { concurrency: 2, retry: { maxTries: 4 } })
  @TaskHandler('copy')
  async print(task: HandlerTask): Promise<string> {
    return `${String(task.data)} on ${this.paper.sheets}`;
  }

  notAHandler(): void {}
}

class Rival {
  @TaskHandler('print')
  async press(): Promise<void> {}
}

class Crowd {
  @TaskHandler('crowd', { concurrency: 0 })
  async push(): Promise<void> {}
}

class Hasty {
  @TaskHandler('haste', { retry: { maxTries: 1.5 } })
  async run(): Promise<void> {}
}

async function registryOf(...providers: Type[]): Promise<HandlerRegistry> {
  const module = { module: Paper, imports: [HandlersModule], providers: [Paper, ...providers] };
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  return app.get(HandlerRegistry);
}

const task = { data: 'hello' } as HandlerTask;

describe('HandlerRegistry', () => {
  it('finds the methods that handle types, bound to their provider', async () => {
    const registry = await registryOf(Printer);
    expect([...registry.handlers.keys()].sort()).toEqual(['copy', 'print']);
    const print = registry.handlers.get('print')!;
    expect(print).toMatchObject({ name: 'Printer.print', concurrency: 2, retry: { maxTries: 4 } });
    expect(registry.handlers.get('copy')).toMatchObject({ concurrency: 1, retry: {} });
    expect(await print.run(task, {} as HandlerContext)).toBe('hello on 3');
    expect([registry.has('print'), registry.has('notAHandler')]).toEqual([true, false]);
  });

  it('refuses two of one type, with both their names', async () => {
    const registry = await registryOf(Printer, Rival);
    expect(() => registry.handlers).toThrow(
      "the task type 'print' has two handlers, Printer.print and Rival.press: it can have only one",
    );
  });

  it.each([
    [Crowd, 'the handler Crowd.push has a concurrency of 0: it takes 1 to 10000'],
    [Hasty, "the handler Hasty.run has 'maxTries' of 1.5: it takes a whole number from 1"],
  ])('refuses nonsense in %o', async (provider, message) => {
    const registry = await registryOf(provider as Type);
    expect(() => registry.handlers).toThrow(message);
  });

  it('is for methods only', () => {
    expect(() => TaskHandler('x')({ size: 1 }, 'size')).toThrow("TaskHandler('x') is for methods, and 'size' is none.");
  });
});
