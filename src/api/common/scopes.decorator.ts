import { SetMetadata } from '@nestjs/common';
import type { Scope } from '../../modules/access/scopes.js';

/** Metadata of a route or controller: the scope it asks for, or `public`. */
export const ACCESS_METADATA = 'millrace:access';

export type Access = Scope | 'public';

/** The scope that a caller's key must have for this route, or for all routes of this controller. */
export const Scopes = (scope: Scope): MethodDecorator & ClassDecorator => SetMetadata(ACCESS_METADATA, scope);

/** For routes that everybody may call without a key. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(ACCESS_METADATA, 'public');
