/** What happens to every request, whatever its route: before anything else, and when its answer is out. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import type { AppLogger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { refusalOfEncoding } from './content-encoding.js';
import { pathOf } from './error.filter.js';
import { refusalOfForeigner } from './loopback-only.js';
import type { ServerPhase } from './server-phase.js';
import { securityHeadersOf } from './security-headers.js';
import { SlowBodyWatch, type WatchedBody } from './slow-body-watch.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null for a request that came with all of its body. */
    watchedBody: WatchedBody | null;
  }
}

export interface RequestHookOptions {
  phase: ServerPhase;
  metrics: Metrics;
  logger: AppLogger;
  /** Where nobody needs a key, only programs of this machine may call. */
  isLoopbackOnly: boolean;
}

const REQUEST_ID_HEADER = 'x-request-id';
/** Names under which people put a key into a URL, where proxies and browsers write it down. */
const KEY_PARAMETERS = new Set(['api_key', 'api-key', 'apikey', 'key', 'authorization', 'access_token', 'token']);
const KEY_IN_QUERY =
  'An API key must not be part of the URL, where it ends up in logs. Send it in an Authorization header using Bearer ' +
  'auth (i.e. Authorization: Bearer YOUR_KEY), and think of the one you sent as known to others.';

export function addRequestHooks(instance: FastifyInstance, options: RequestHookOptions): void {
  const log = options.logger.child('http');
  const slowBodies = new SlowBodyWatch();
  instance.decorateRequest('watchedBody', null);
  instance.addHook('onRequest', (request, reply, done) => {
    reply.header(REQUEST_ID_HEADER, request.id).headers(securityHeadersOf(request.url));
    request.watchedBody = slowBodies.add(request.raw);
    done(refusalOf(request, options) ?? refusalOfEncoding(request, reply) ?? undefined);
  });
  instance.addHook('onSend', (_request, reply, payload, done) => {
    // Some clients compare the whole value; JSON is UTF-8 without being told.
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8') {
      reply.header('content-type', 'application/json');
    }
    done(null, payload);
  });
  instance.addHook('onResponse', (request, reply, done) => {
    if (request.watchedBody !== null) slowBodies.remove(request.watchedBody);
    const { elapsedTime, statusCode: status } = reply;
    options.metrics.httpRequestSeconds.observe(labelsOf(request, reply), elapsedTime / 1e3);
    if (log.isDebugging) {
      const { id: requestId, method } = request;
      log.debug({ requestId, method, path: pathOf(request), status, tookMs: Math.round(elapsedTime) }, 'answered');
    }
    done();
  });
  instance.addHook('onClose', (_instance, done) => {
    slowBodies.stop();
    done();
  });
}

/** Why no route shall see this request; null if one may. */
function refusalOf(request: FastifyRequest, { phase, isLoopbackOnly }: RequestHookOptions): MillraceError | null {
  if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
    return new MillraceError('invalid_request', 'The request has no Host header, which HTTP/1.1 wants.');
  }
  const foreign = isLoopbackOnly ? refusalOfForeigner(request.headers) : null;
  if (foreign !== null) return foreign;
  if (request.url.includes('?') && Object.keys(request.query as object).some(isKeyParameter)) {
    return new MillraceError('api_key_in_query', KEY_IN_QUERY);
  }
  if (phase.current !== 'stopping' || isProbe(request)) return null;
  return new MillraceError('shutting_down', 'The server is shutting down; try again shortly.', { retryAfterMs: 1_000 });
}

function isKeyParameter(name: string): boolean {
  return KEY_PARAMETERS.has(name.toLowerCase());
}

function isProbe({ url }: FastifyRequest): boolean {
  return url === '/livez' || url.startsWith('/readyz');
}

function labelsOf(request: FastifyRequest, reply: FastifyReply) {
  return {
    http_request_method: request.method,
    http_route: request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown'),
    http_response_status_code: String(reply.statusCode),
  };
}
