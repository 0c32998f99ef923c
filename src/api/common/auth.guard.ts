import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import { AccessService } from '../../modules/access/access.service.js';
import './caller.decorator.js';
import { ACCESS_METADATA, missingScopes, type Access } from './scopes.decorator.js';

/** Lets nobody through but callers whose key has a scope of the route; routes get them with `@CurrentCaller()`. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly known = new Map<ReturnType<ExecutionContext['getHandler']>, Access | undefined>();

  constructor(
    private readonly access: AccessService,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const needed = this.accessOf(context);
    if (needed === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.access.authenticate(request.headers.authorization, request.ip);
    if (!needed?.some((scope) => caller.scopes.has(scope))) {
      throw new MillraceError('insufficient_scope', missingScopes(needed ?? []));
    }
    request.caller = caller;
    return true;
  }

  /** Reading metadata costs more than the rest of the guard; a route's never changes. */
  private accessOf(context: ExecutionContext): Access | undefined {
    const handler = context.getHandler();
    let access = this.known.get(handler);
    if (access === undefined && !this.known.has(handler)) {
      access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS_METADATA, [handler, context.getClass()]);
      this.known.set(handler, access);
    }
    return access;
  }
}
