import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../modules/access/caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the AuthGuard; absent on public routes. */
    caller?: Caller;
  }
}

/** The Caller of a route that is not public. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === undefined) throw new Error('a public route has no caller');
  return caller;
});
