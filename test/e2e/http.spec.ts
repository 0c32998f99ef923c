import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawConnection } from '../support/raw-request.js';
import { TestServer } from '../support/server.js';
import { errorOf } from '../support/uploads.js';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_MAX_BODY: '1KiB', MILLRACE_LOG_LEVEL: 'debug' });
});

afterAll(() => server.close());

function authorized(more: Record<string, string> = {}): Record<string, string> {
  return { authorization: `Bearer ${server.adminKey}`, ...more };
}

async function raw(bytes: string): Promise<string> {
  const connection = await RawConnection.open(server.url);
  connection.send(bytes);
  return connection.end();
}

describe('what is no route', () => {
  it.each([
    ['GET', '/'],
    ['POST', '/v1/nothing?x=1'],
    ['GET', '/v1/files/a/b'],
    ['DELETE', '/V1/FILES'],
  ])('answers %s %s with 404', async (method, path) => {
    const response = await server.fetch(path, { method });
    expect(response.status).toBe(404);
    expect(await errorOf(response)).toEqual({
      message: `Invalid URL (${method} ${path.replace('?x=1', '')})`,
      type: 'invalid_request_error',
      param: null,
      code: null,
    });
  });

  it.each([
    ['PUT', '/v1/files', 'GET, HEAD, POST'],
    ['PATCH', '/v1/files/file-1', 'DELETE, GET, HEAD'],
    ['POST', '/livez', 'GET, HEAD'],
    ['OPTIONS', '/v1/files', 'GET, HEAD, POST'],
  ])('answers %s %s with 405 and says what is allowed', async (method, path, allowed) => {
    const response = await server.fetch(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
    expect(await errorOf(response)).toEqual({
      message: `Not allowed to ${method} on ${path}`,
      type: 'invalid_request_error',
      param: null,
      code: null,
    });
  });

  it('answers a path that cannot be read with 400, a far too long one with 404', async () => {
    const unreadable = await server.fetch('/v1/files/%E0%A4%A');
    expect([unreadable.status, await errorOf(unreadable)]).toMatchObject([400, { type: 'invalid_request_error' }]);
    const long = await server.fetch(`/v1/files/${'x'.repeat(600)}`);
    expect([long.status, await errorOf(long)]).toMatchObject([404, { type: 'invalid_request_error' }]);
  });

  it('answers what is no HTTP in the same form', async () => {
    for (const [bytes, status] of [
      ['hello there\r\n\r\n', 400],
      [`GET /livez HTTP/1.1\r\nhost: x\r\nlong: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ['POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n', 400],
    ] as const) {
      const answer = await raw(bytes);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toContain('content-type: application/json\r\n');
      expect(answer).toMatch(/x-request-id: req_[0-9a-f]{32}\r\n/);
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
        error: { type: 'invalid_request_error', param: null, code: null },
      });
    }
  });
});

describe('JSON bodies', () => {
  const post = (body: string, type = 'application/json') =>
    server.fetch('/v1/files', { method: 'POST', headers: authorized({ 'content-type': type }), body });

  it.each(['{"a', 'nonsense', '{"a": 1,}', '{"__proto__": {"x": 1}}', '{"a": {"__proto__": null}}'])(
    'refuses %j',
    async (body) => {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect(await errorOf(response)).toEqual({
        message: expect.stringMatching(/^We could not parse the JSON body of your request: ./),
        type: 'invalid_request_error',
        param: null,
        code: null,
      });
    },
  );

  it('refuses one that is too large, also from a client that sends it all before it listens', async () => {
    const response = await post(JSON.stringify('x'.repeat(20 * 1024 * 1024)));
    expect(response.status).toBe(413);
    const message = 'The request body is too large: it may have 1KiB at most, as MILLRACE_MAX_BODY of the server says.';
    expect(await errorOf(response)).toEqual({ message, type: 'invalid_request_error', param: null, code: null });
  });

  it('refuses other types', async () => {
    const response = await post('a=1', 'application/x-www-form-urlencoded');
    expect(response.status).toBe(415);
    expect(await errorOf(response)).toMatchObject({
      message: expect.stringContaining('application/x-www-form-urlencoded'),
    });
  });

  it('does not mind an empty one, as SDKs send it with requests that have no body', async () => {
    for (const more of ['', 'content-length: 0\r\n']) {
      const answer = await raw(
        `DELETE /v1/files/file-1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n${more}` +
          `authorization: Bearer ${server.adminKey}\r\n\r\n`,
      );
      expect(answer).toContain('No such File object: file-1');
    }
  });
});

describe('request ids', () => {
  const idOf = async (given?: string) =>
    (await server.fetch('/livez', { headers: given === undefined ? {} : { 'x-request-id': given } })).headers.get(
      'x-request-id',
    );

  it('are made, each another one', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => idOf()));
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(5);
  });

  it('are kept if the client has one, and are in the log', async () => {
    expect(await idOf('my-id:7/a')).toBe('my-id:7/a');
    const line = await server.logged(({ requestId }) => requestId === 'my-id:7/a');
    expect(line).toMatchObject({ method: 'GET', path: '/livez', status: 200, level: 'debug' });
  });

  it.each(['has spaces', 'x'.repeat(129), 'umläut'])('are not kept if they are odd: %j', async (given) => {
    expect(await idOf(given)).toMatch(/^req_[0-9a-f]{32}$/);
  });
});

describe('keys', () => {
  it('are asked for', async () => {
    const response = await server.fetch('/v1/files', { headers: {} });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await errorOf(response)).toEqual({
      message: expect.stringMatching(/^You didn't provide an API key\./),
      type: 'invalid_request_error',
      param: null,
      code: null,
    });
  });

  it.each([
    ['Bearer wrong', '***'],
    ['Bearer sk-0123456789abcdefghijkl', 'sk-***ijkl'],
    [`Bearer mr_${'0'.repeat(32)}_${'0'.repeat(48)}00000000`, 'mr_***0000'],
  ])('are refused: %s', async (authorization, shown) => {
    const response = await server.fetch('/v1/files', { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(await errorOf(response)).toEqual({
      message: `Incorrect API key provided: ${shown}.`,
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_api_key',
    });
  });

  it.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer a b'])('are not found in %j', async (authorization) => {
    const response = await server.fetch('/v1/files', { headers: { authorization } });
    expect([response.status, await errorOf(response)]).toMatchObject([401, { code: null }]);
  });

  it.each(['api_key', 'key', 'API-Key', 'authorization', 'access_token'])(
    'are refused in ?%s=, and not logged',
    async (name) => {
      const response = await server.fetch(`/v1/files?limit=1&${name}=geheim-${name}`);
      expect(response.status).toBe(400);
      expect(await errorOf(response)).toMatchObject({ code: 'api_key_in_query', type: 'invalid_request_error' });
      expect(JSON.stringify(server.logs)).not.toContain('geheim');
    },
  );
});

describe('for those who watch', () => {
  it('lives and is ready, for everybody', async () => {
    const live = await server.fetch('/livez', { headers: {} });
    expect([live.status, await live.json()]).toEqual([200, { status: 'ok' }]);
    const ready = await server.fetch('/readyz', { headers: {} });
    expect([ready.status, await ready.json()]).toEqual([
      200,
      {
        status: 'ready',
        checks: {
          server: { status: 'ok', detail: 'serving' },
          store: { status: 'ok', detail: 'takes writes' },
          calls: { status: 'ok', detail: 'carried' },
        },
      },
    ]);
  });

  it('counts requests by route, for keys that may see it', async () => {
    await server.fetch('/v1/files/file-some-id');
    await server.fetch('/v1/nothing');
    expect((await server.fetch('/metrics', { headers: {} })).status).toBe(401);
    const response = await server.fetch('/metrics');
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    const counted = (route: string, status: number) =>
      `http_server_request_duration_seconds_count{http_request_method="GET",http_route="${route}",http_response_status_code="${status}"}`;
    expect(text).toContain(counted('/v1/files/:id', 404));
    expect(text).toContain(counted('unknown', 404));
    expect(text).not.toContain('file-some-id');
    expect(text).toContain('millrace_build_info');
  });
});

describe('the documentation', () => {
  interface Operation {
    summary?: string;
    responses: Record<string, unknown>;
  }
  const PUBLIC = ['GET /livez', 'GET /readyz'];

  async function operations(): Promise<[name: string, path: string, method: string, operation: Operation][]> {
    const { paths } = (await (await server.fetch('/docs-json', { headers: {} })).json()) as {
      paths: Record<string, Record<string, Operation>>;
    };
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, string, string, Operation] => [
        `${method.toUpperCase()} ${path}`,
        path,
        method.toUpperCase(),
        operation,
      ]),
    );
  }

  it('is there to read', async () => {
    const response = await server.fetch('/docs', { headers: {} });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('Millrace');
  });

  it('says of every route what it does, what it answers and what can go wrong', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThanOrEqual(8);
    for (const [name, , , { summary, responses }] of all) {
      expect(summary, name).toBeTruthy();
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining([expect.stringMatching(/^20[02]$/)]));
      if (!PUBLIC.includes(name)) expect(Object.keys(responses), name).toContain('401');
    }
  });

  it('lists no route that answers without a key, but the public ones', async () => {
    for (const [name, path, method] of await operations()) {
      const response = await server.fetch(path.replaceAll(/\{\w+\}/g, 'x'), { method, headers: {} });
      expect([name, response.status]).toEqual([name, PUBLIC.includes(name) ? 200 : 401]);
      await response.arrayBuffer();
    }
  });
});
