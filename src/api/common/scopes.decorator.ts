import { applyDecorators, SetMetadata } from '@nestjs/common';
import type { Scope } from '../../modules/access/scopes.js';
import { ApiErrors } from './api-errors.decorator.js';

/** Metadata of a route or controller: the scope it asks for, or `public`. */
export const ACCESS_METADATA = 'millrace:access';

export type Access = Scope | 'public';

/** The scope that a caller's key must have for this route, or for all routes of this controller. */
export function Scopes(scope: Scope): MethodDecorator & ClassDecorator {
  const missing = `You have insufficient permissions for this operation. Missing scopes: ${scope}.`;
  const documentation = ApiErrors({ 401: 'Incorrect API key provided: mr_***cafe.', 403: missing });
  return applyDecorators(SetMetadata(ACCESS_METADATA, scope), documentation);
}

/** For routes that everybody may call without a key. */
export function Public(): MethodDecorator & ClassDecorator {
  return SetMetadata(ACCESS_METADATA, 'public');
}
