/** The handlers of this process, found once among all providers. Two of one type, or nonsense in one, end the start. */
import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { HANDLED_TYPES, type HandledType, type HandlerOptions, type TaskHandlerFunction } from './task-handler.js';

export interface RegisteredHandler {
  type: string;
  /** Class and method, for people. */
  name: string;
  concurrency: number;
  retry: NonNullable<HandlerOptions['retry']>;
  run: TaskHandlerFunction;
}

const MAX_CONCURRENCY = 10_000;

@Injectable()
export class HandlerRegistry {
  private found: ReadonlyMap<string, RegisteredHandler> | null = null;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  get handlers(): ReadonlyMap<string, RegisteredHandler> {
    return (this.found ??= this.discover());
  }

  has(type: string): boolean {
    return this.handlers.has(type);
  }

  private discover(): Map<string, RegisteredHandler> {
    const found = new Map<string, RegisteredHandler>();
    const instances = new Set(this.discovery.getProviders().map(({ instance }) => instance as unknown));
    for (const instance of instances) {
      if (typeof instance !== 'object' || instance === null) continue;
      for (const handler of this.handlersOf(instance)) {
        const other = found.get(handler.type);
        if (other) {
          const both = `${other.name} and ${handler.name}`;
          throw new Error(`the task type '${handler.type}' has two handlers, ${both}: it can have only one`);
        }
        found.set(handler.type, checked(handler));
      }
    }
    return found;
  }

  private handlersOf(instance: object): RegisteredHandler[] {
    const prototype = Object.getPrototypeOf(instance) as Record<string, unknown> | null;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const run = prototype![method] as TaskHandlerFunction;
      const handled = (Reflect.getMetadata(HANDLED_TYPES, run) as HandledType[] | undefined) ?? [];
      return handled.map(({ type, options }) => ({
        type,
        name: `${instance.constructor.name}.${method}`,
        concurrency: options.concurrency ?? 1,
        retry: options.retry ?? {},
        run: run.bind(instance),
      }));
    });
  }
}

function checked(handler: RegisteredHandler): RegisteredHandler {
  const { type, name, concurrency, retry } = handler;
  if (typeof type !== 'string' || type === '') throw new Error(`the handler ${name} names no task type`);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
    throw new Error(`the handler ${name} has a concurrency of ${concurrency}: it takes 1 to ${MAX_CONCURRENCY}`);
  }
  for (const [option, value] of Object.entries(retry)) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new Error(`the handler ${name} has '${option}' of ${String(value)}: it takes a whole number from 1`);
  }
  return handler;
}
