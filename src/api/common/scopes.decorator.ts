import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { Scope } from '../../modules/access/scopes.js';
import { ApiErrors } from './api-errors.decorator.js';

/** Metadata of a route or controller: scopes of which a caller needs one, or `public`. */
export const ACCESS_METADATA = 'millrace:access';

export type Access = readonly [Scope, ...Scope[]] | 'public';

/** A caller's key must have one of these scopes for this route, or for all routes of this controller. */
export function Scopes(...scopes: [Scope, ...Scope[]]): MethodDecorator & ClassDecorator {
  const documentation = ApiErrors({
    401: 'Incorrect API key provided: mr_***cafe.',
    403: missingScopes(scopes),
    429: 'Too many wrong API keys came from your address. Wait a while, and check the key you send.',
  });
  return applyDecorators(SetMetadata(ACCESS_METADATA, scopes), documentation);
}

/** `Missing scopes: queues, tasks or worker.` */
export function missingScopes(scopes: readonly string[]): string {
  const list = scopes.length < 2 ? scopes.join('') : `${scopes.slice(0, -1).join(', ')} or ${scopes.at(-1)}`;
  return `You have insufficient permissions for this operation. Missing scopes: ${list}.`;
}

/** For routes that everybody may call without a key. */
export function Public(): MethodDecorator & ClassDecorator {
  const documentation = ApiErrors({ 400: 'An API key must not be part of the URL, where it ends up in logs.' });
  return applyDecorators(SetMetadata(ACCESS_METADATA, 'public'), ApiSecurity({}), documentation);
}
