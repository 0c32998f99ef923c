import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { AppLogger } from './logger.js';

type NestLevel = 'trace' | 'debug' | 'warn' | 'error' | 'fatal';

/**
 * Nest's own lines in our log. Nest passes the context last, errors their stack before it. Its `log` level is the chatter
 * of start-up (every module, every route), so it becomes `debug`; what the server has to say at `info` it says itself.
 */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: AppLogger) {}

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: NestLevel, message: unknown, rest: unknown[]): void {
    const given = rest.filter((part) => part !== undefined);
    const last = given.at(-1);
    const context = isContext(last) ? last : null;
    const details = given.filter((part) => part !== context && !isStack(part));
    const stack = given.find(isStack);
    const fields = {
      ...(message instanceof Error ? { err: message } : {}),
      ...(stack === undefined ? {} : { stack }),
      ...(details.length === 0 ? {} : { details }),
    };
    this.logger.child(context ?? 'Nest')[level](fields, textOf(message));
  }
}

function isStack(part: unknown): boolean {
  return typeof part === 'string' && /\n[ \t]+at /.test(part);
}

function isContext(part: unknown): part is string {
  return typeof part === 'string' && !isStack(part);
}

function textOf(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : inspect(message);
}
