/** The HTTP server itself: Fastify, with limits on everything that a client can send. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import multipart from '@fastify/multipart';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import { ID_PREFIX } from '../../kernel/ids.js';
import { bodyLimitOf } from './body-limit.js';
import type { ErrorDialects } from './error-dialects.js';
import { errorOfFramework, pathOf } from './error.filter.js';
import { readJsonBodies } from './json-body.js';
import { addRequestHooks, type RequestHookOptions } from './request-hooks.js';
import type { RouteTable } from './route-table.js';

export interface HttpServerOptions extends RequestHookOptions {
  /** Bytes of a JSON body, at most. */
  maxBodyBytes: number;
  /** Learns of every route. */
  routes: RouteTable;
  dialects: ErrorDialects;
}

/** Room for thousands of connections that are opened at once. */
export const BACKLOG = 4_096;
/** From the first byte of a connection or request to the end of its headers. */
const HEADERS_TIMEOUT_MS = 15_000;
/** From the first byte of a request to its last: a big upload over a slow line, but not for ever. */
const REQUEST_TIMEOUT_MS = 60 * 60_000;
/** Longer than proxies keep their end open, so that none finds its connection closed as it sends. */
const KEEP_ALIVE_MS = 75_000;
const TIMEOUT_CHECK_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_PATH_PARAMETER_LENGTH = 512;
/** What a client may ask to have its request called in our log. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export function createHttpAdapter(options: HttpServerOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: options.maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false, // Node would refuse it without a word; the hooks say what is missing
    },
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER_LENGTH },
    genReqId: requestIdOf,
    requestIdHeader: false,
    return503OnClosing: false,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      answerBadPath(options, error, request, reply),
    clientErrorHandler: (error, socket) => answerBadRequest(options, error, socket),
  });
  const instance = adapter.getInstance<FastifyInstance>();
  instance.addHook('onRoute', (route) => {
    options.routes.add(route.method, route.url);
    route.bodyLimit = bodyLimitOf(route.url, options.maxBodyBytes);
  });
  instance.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    answerExpectation(options, request, response),
  );
  readJsonBodies(instance);
  void instance.register(multipart);
  addRequestHooks(instance, options);
  return adapter;
}

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : nextRequestId();
}

/** Random in its first half, so that no two processes share one; the rest counts. Nothing is sorted by it. */
const PROCESS_PART = randomBytes(10).toString('hex');
let requests = 0;

function nextRequestId(): string {
  requests += 1;
  return ID_PREFIX.request + PROCESS_PART + requests.toString(16).padStart(12, '0');
}

/** A path that the router cannot even read; no hook has run yet. */
function answerBadPath(options: HttpServerOptions, error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = options.dialects.render(errorOfFramework(error, 400, request), pathOf(request));
  void reply
    .code(status)
    .headers({ ...headers, 'x-request-id': request.id, 'content-type': 'application/json' })
    .send(Buffer.from(JSON.stringify(body)));
}

/** `Expect` with anything but `100-continue`: no route sees it. */
function answerExpectation({ dialects }: HttpServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const text = `The server cannot do what the Expect header asks for: '${request.headers.expect}'. Leave it out.`;
  const error = new MillraceError('expectation_failed', text, { param: 'Expect' });
  const { status, headers, body } = dialects.render(error, request.url ?? '');
  response.writeHead(status, {
    ...headers,
    'x-request-id': requestIdOf(request),
    'content-type': 'application/json',
    connection: 'close', // its body is not read
  });
  response.end(JSON.stringify(body));
}

/** What is no HTTP, too long or too slow. There is no request yet, so the answer is written by hand. */
function answerBadRequest({ dialects }: HttpServerOptions, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] = REFUSALS[error.code ?? ''] ?? ['400 Bad Request', 'This is not a valid HTTP request.'];
  const body = JSON.stringify(dialects.render(new MillraceError('invalid_request', text), '').body);
  const lines = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${nextRequestId()}`,
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const REFUSALS: Readonly<Record<string, [status: string, text: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers of the request are too long.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive.'],
};
