import { pathToFileURL } from 'node:url';
import type { DynamicModule, Type } from '@nestjs/common';
import { messageOf } from '../../kernel/errors.js';

/**
 * The Nest module that a file of handlers exports as its default: a class with `@Module`, or `{ module, providers }`.
 * Rejects with a sentence for the operator. `path` is absolute.
 */
export async function loadHandlers(path: string): Promise<Type | DynamicModule> {
  let file: { default?: unknown };
  try {
    file = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    throw new Error(`the handlers of MILLRACE_HANDLERS, ${path}, cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const found = file.default;
  if (isModule(found)) return found;
  throw new Error(`the file of MILLRACE_HANDLERS, ${path}, has no Nest module as its default export`);
}

function isModule(found: unknown): found is Type | DynamicModule {
  if (typeof found === 'function') return Reflect.hasMetadata('providers', found);
  return typeof found === 'object' && found !== null && typeof (found as DynamicModule).module === 'function';
}
