/** The Task API's scopes and errors, documented in its own words: see `task-error.ts`. */
import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import type { Scope } from '../../modules/access/scopes.js';
import { ACCESS_METADATA, missingScopes } from '../common/scopes.decorator.js';

class TaskErrorDto {
  @ApiProperty({ type: 'integer', description: 'The HTTP status.' })
  code: number;

  @ApiProperty({ description: 'What is wrong, where, and what would be right.' })
  message: string;

  @ApiProperty({ type: 'integer', description: 'Epoch milliseconds.' })
  timestamp: number;
}

/** Documents errors of a route, or of all routes of a controller: for each status an example of the message. */
export function TaskErrors(messages: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(TaskErrorDto),
    ...Object.entries(messages).map(([status, message]) => {
      const example = { code: Number(status), message, timestamp: 1_795_370_000_000 };
      const content = { 'application/json': { schema: { $ref: getSchemaPath(TaskErrorDto) }, example } };
      return ApiResponse({ status: Number(status), description: message, content });
    }),
  );
}

/** A caller's key must have one of these scopes for this route, or for all routes of this controller. */
export function TaskScopes(...scopes: [Scope, ...Scope[]]): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(ACCESS_METADATA, scopes),
    ApiResponse({ status: 401, description: 'No API key, or a wrong one. The body is empty.' }),
    TaskErrors({
      403: missingScopes(scopes),
      429: 'Too many wrong API keys came from your address. Wait a while, and check the key you send.',
    }),
  );
}
