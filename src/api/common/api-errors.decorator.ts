import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';

class ErrorDetailsDto {
  @ApiProperty({ description: 'What is wrong, where, and what would be right.' })
  message: string;

  @ApiProperty({ example: 'invalid_request_error' })
  type: string;

  @ApiProperty({ type: 'string', nullable: true, description: 'The parameter that is wrong, in dots from the root.' })
  param: string | null;

  @ApiProperty({ type: 'string', nullable: true, description: 'For programs to tell errors apart.' })
  code: string | null;
}

class ErrorDto {
  @ApiProperty()
  error: ErrorDetailsDto;
}

/** Documents errors of a route, or of all routes of a controller: for each status an example of the message. */
export function ApiErrors(messages: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(ErrorDto),
    ...Object.entries(messages).map(([status, message]) => {
      const type = Number(status) < 500 ? 'invalid_request_error' : 'server_error';
      const example = { error: { message, type, param: null, code: null } };
      const content = { 'application/json': { schema: { $ref: getSchemaPath(ErrorDto) }, example } };
      return ApiResponse({ status: Number(status), description: message, content });
    }),
  );
}
