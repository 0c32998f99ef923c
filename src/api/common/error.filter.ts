/**
 * Every error of a request ends here, whoever threw it: the framework, a guard, a controller. It is turned into a
 * MillraceError; how that looks on the wire is the dialect's business.
 */
import { Catch, HttpException, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isOutage, MillraceError } from '../../kernel/errors.js';
import { bodyTooLarge } from './body-limit.js';
import { AppLogger } from '../../telemetry/logger.js';
import { ErrorDialects } from './error-dialects.js';
import { finishReading } from './finish-reading.js';
import { RouteTable } from './route-table.js';

@Catch()
@Injectable()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger: AppLogger;

  constructor(
    private readonly routes: RouteTable,
    private readonly dialects: ErrorDialects,
    logger: AppLogger,
  ) {
    this.logger = logger.child('http');
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = this.toMillraceError(thrown, request);
    // Thousands may wait when a server is told to stop; that they were sent away is no news.
    if (error.status >= 500 && error.code !== 'shutting_down') this.report(error, request);
    if (reply.sent || reply.raw.destroyed) return;
    // A server that stops has no patience: its connections are to end with their answers.
    if (error.code !== 'shutting_down') finishReading(request, reply);
    if (error.code === 'method_not_allowed') reply.header('allow', this.methodsOf(request).join(', '));
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    const { status, headers, body } = this.dialects.render(error, pathOf(request));
    void reply.code(status).headers(headers);
    if (body === undefined) void reply.send();
    else void reply.header('content-type', 'application/json').send(body);
  }

  private toMillraceError(thrown: unknown, request: FastifyRequest): MillraceError {
    if (thrown instanceof MillraceError) return thrown;
    if (request.is404) return this.unknownRoute(request);
    const cause = thrown instanceof HttpException ? (thrown.cause ?? thrown) : thrown;
    const status = thrown instanceof HttpException ? thrown.getStatus() : 500;
    return errorOfFramework(cause, status, request);
  }

  private unknownRoute(request: FastifyRequest): MillraceError {
    const path = pathOf(request);
    const methods = this.methodsOf(request);
    // A wildcard route may find nothing behind a path that it matches.
    if (methods.length > 0 && !methods.includes(request.method)) {
      return new MillraceError('method_not_allowed', `Not allowed to ${request.method} on ${path}`);
    }
    return new MillraceError('unknown_url', `Invalid URL (${request.method} ${path})`);
  }

  private methodsOf(request: FastifyRequest): string[] {
    return this.routes.methodsOf(pathOf(request));
  }

  private report(error: MillraceError, request: FastifyRequest): void {
    const fields = { requestId: request.id, method: request.method, path: pathOf(request), code: error.code };
    const { cause } = error;
    const err = cause === undefined || isOutage(error) ? error : cause;
    if (error.code === 'internal') this.logger.error({ ...fields, err }, 'a request failed because of a defect');
    else this.logger.warn({ ...fields, err }, 'a request was refused');
  }
}

/** Without the query, which may hold what must not be logged or repeated. */
export function pathOf(request: FastifyRequest): string {
  const { url } = request;
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** By the codes of Fastify's errors, else by its status; whatever is not known to be the caller's fault is ours. */
export function errorOfFramework(cause: unknown, status: number, request: FastifyRequest): MillraceError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  // Not only of the caller: a database or an upstream may hang up too, but then the request is here whole.
  if (code === 'ECONNRESET' && !request.raw.complete) {
    return new MillraceError('invalid_request', 'The request broke off before its end.', { cause });
  }
  // A stream that was to be the answer of a caller who has gone; where he has not, it is the stream that broke.
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' && request.raw.socket.destroyed) {
    return new MillraceError('invalid_request', 'The caller hung up before the answer was out.', { cause });
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge(request, cause);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unsupportedMediaType(request, 'application/json or, for uploads, multipart/form-data');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new MillraceError('invalid_request', 'The request body does not have the length of its Content-Length.');
    case 'FST_ERR_BAD_URL':
      return new MillraceError('invalid_request', 'The URL of the request has a wrong percent-encoding.');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new MillraceError('unknown_url', `Invalid URL (${request.method}): a part of the path is too long.`);
    default:
  }
  if (status >= 400 && status < 500) {
    return new MillraceError('invalid_request', cause instanceof Error ? cause.message : 'Bad request.', { cause });
  }
  return new MillraceError('internal', 'The server had an error while processing your request. Sorry about that!', {
    cause,
  });
}

/** `wanted`: the types that would be right. */
export function unsupportedMediaType(request: FastifyRequest, wanted: string): MillraceError {
  const given = request.headers['content-type'];
  const but = given === undefined ? 'there is none' : `it is '${given}'`;
  return new MillraceError('unsupported_media_type', `The Content-Type of the request must be ${wanted}, but ${but}.`);
}
