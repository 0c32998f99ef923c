import { Injectable, RequestMethod, type OnModuleInit, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/internal';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { ACCESS_METADATA, type Access } from './scopes.decorator.js';

type Handler = (...args: unknown[]) => unknown;

/** Refuses to start a server with a route that says neither `@Scopes()` nor `@Public()`: somebody has forgotten it. */
@Injectable()
export class RouteAccessCheck implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onModuleInit(): void {
    const open = this.discovery.getControllers().flatMap(({ metatype }) => this.routesWithoutAccess(metatype));
    if (open.length > 0) {
      throw new Error(`These routes say neither @Scopes() nor @Public(): ${open.join(', ')}`);
    }
  }

  private routesWithoutAccess(controller: unknown): string[] {
    if (typeof controller !== 'function') return [];
    const prototype = controller.prototype as Record<string, Handler>;
    return this.scanner
      .getAllMethodNames(prototype)
      .map((name) => prototype[name]!)
      .filter((handler) => Reflect.hasMetadata(PATH_METADATA, handler))
      .filter(
        (handler) => !this.reflector.getAllAndOverride<Access | undefined>(ACCESS_METADATA, [handler, controller]),
      )
      .map((handler) => describeRoute(controller as Type, handler));
  }
}

function describeRoute(controller: Type, handler: Handler): string {
  const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
  const path = [Reflect.getMetadata(PATH_METADATA, controller), Reflect.getMetadata(PATH_METADATA, handler)]
    .map((part) => String(part ?? '').replace(/^\/|\/$/g, ''))
    .filter((part) => part !== '')
    .join('/');
  return `${method} /${path} (${controller.name}.${handler.name})`;
}
