/** Requests that no good client sends, byte by byte, each with its expected answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawConnection } from '../support/raw-request.js';
import { Answered } from '../support/refusals.js';
import { CAN_WATCH, expectUnstrained, ServerWatch } from '../support/server-watch.js';
import { TestServer } from '../support/server.js';
import {
  filePart,
  LINE,
  postBody,
  postForm,
  newBlobs,
  storedBlobs,
  untilUploadBegins,
  textPart,
} from '../support/uploads.js';

/** Given, so that requests can be written before there is a server. */
const KEY = 'the-key-of-this-test';
/** How often and how long to look for what the server does when nobody listens. */
const PATIENCE = { interval: 10, timeout: 30_000 };
const FORM = 'multipart/form-data; boundary=xyz';
const WHOLE_FORM = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`;

let server: TestServer;
let watch: ServerWatch | null = null;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_ADMIN_KEY: KEY });
  if (CAN_WATCH) watch = await ServerWatch.start(server);
  for (let count = 0; count < 200; count += 1) await (await server.fetch('/v1/files')).text();
  watch?.begin();
});

afterAll(async () => {
  await watch?.stop();
  await server.close();
});

/** All that comes back, until the server closes the connection. */
async function raw(bytes: string): Promise<string> {
  const connection = await RawConnection.open(server.url);
  connection.send(bytes);
  return connection.end();
}

/** A request as it stands, but with the right key. */
function request(start: string, headers: readonly string[], body = ''): string {
  return [start, 'host: x', `authorization: Bearer ${KEY}`, ...headers, '', body].join('\r\n');
}

function upload(headers: readonly string[], body: string): string {
  return request('POST /v1/files HTTP/1.1', [`content-type: ${FORM}`, ...headers], body);
}

function statusesOf(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

describe('lies about the length of a body', () => {
  it.each([
    ['no number', ['content-length: ten']],
    ['less than nothing', ['content-length: -1']],
    ['two lengths', ['content-length: 5', 'content-length: 6']],
    ['a length and chunks', ['content-length: 5', 'transfer-encoding: chunked']],
    ['two encodings', ['transfer-encoding: chunked', 'transfer-encoding: identity']],
    ['chunks that are packed', ['transfer-encoding: gzip, chunked, identity']],
    ['an encoding nobody knows', ['transfer-encoding: xchunked']],
    ['a length as long as a line', [`content-length: ${'9'.repeat(400)}`]],
  ])('refuses %s with 400', async (_what, headers) => {
    expect(statusesOf(await raw(upload(headers, WHOLE_FORM)))).toEqual([400]);
  });

  it.each([
    ['a size that is no number', 'ZZ\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond all numbers', 'FFFFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n'],
    ['a size that is too small', '2\r\nhello\r\n0\r\n\r\n'],
    ['a size below nothing', '-5\r\nhello\r\n0\r\n\r\n'],
  ])('refuses chunks with %s', async (_what, chunks) => {
    const blobs = await storedBlobs(server);
    const answers = await raw(upload(['transfer-encoding: chunked'], chunks));
    expect(statusesOf(answers)).toEqual([400]);
    await expect.poll(() => newBlobs(server, blobs), PATIENCE).toEqual([]);
  });

  it('takes a body that is longer than it said for a form that breaks off, and the rest for no request', async () => {
    const answers = await raw(upload([`content-length: ${WHOLE_FORM.length - 20}`], WHOLE_FORM));
    expect(new Set(statusesOf(answers))).toEqual(new Set([400]));
  });

  it('leaves nothing of a body that is shorter than it said', async () => {
    const blobs = await storedBlobs(server);
    const connection = await RawConnection.open(server.url);
    connection.send(upload(['content-length: 100000'], WHOLE_FORM.slice(0, -10)));
    await untilUploadBegins(server, blobs);
    connection.destroy();
    await expect.poll(() => newBlobs(server, blobs), PATIENCE).toEqual([]);
  });

  it("a JSON body that breaks off is nobody's defect, as the log shows in the end", async () => {
    const start = request(
      'POST /v1/queue/put HTTP/1.1',
      ['content-type: application/json', 'content-length: 100'],
      '{"a',
    );
    const connection = await RawConnection.open(server.url);
    connection.send(start);
    await expect.poll(() => server.fetch('/livez').then(({ status }) => status), PATIENCE).toBe(200);
    connection.destroy();
    const chunked = request('POST /v1/queue/put HTTP/1.1', [
      'content-type: application/json',
      'transfer-encoding: chunked',
    ]);
    expect(statusesOf(await raw(`${chunked}ZZ\r\nabc`))).toEqual([400]);
  });
});

describe('what HTTP does not allow is refused with words', () => {
  const BODY = '{"queue":"default","endpoint":"/v1/x","data":{}}';
  const put = (headers: readonly string[]) =>
    request(
      'POST /v1/queue/put HTTP/1.1',
      ['connection: close', 'content-type: application/json', `content-length: ${BODY.length}`, ...headers],
      BODY,
    );
  /** Of the only answer. */
  const bodyOf = (answer: string) =>
    JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as object;

  it('a request without a Host header', async () => {
    const answer = await raw(put([]).replace('host: x\r\n', ''));
    expect(statusesOf(answer)).toEqual([400]);
    expect(bodyOf(answer)).toMatchObject({
      code: 400,
      message: 'The request has no Host header, which HTTP/1.1 wants.',
    });
    expect(statusesOf(await raw(put([]).replace('host: x\r\n', '').replace('HTTP/1.1', 'HTTP/1.0')))).toEqual([200]);
  });

  it('an expectation that nobody knows', async () => {
    const answer = await raw(put(['expect: banana']));
    expect(statusesOf(answer)).toEqual([417]);
    expect(answer).toMatch(/\r\nx-request-id: \S+\r\n/);
    expect(bodyOf(answer)).toMatchObject({ code: 417, message: expect.stringContaining("asks for: 'banana'") });
    const ofFiles = await raw(request('GET /v1/files HTTP/1.1', ['expect: banana']));
    expect(bodyOf(ofFiles)).toMatchObject({ error: { type: 'invalid_request_error', param: 'Expect' } });
    expect(statusesOf(await raw(put(['expect: 100-continue'])))).toEqual([100, 200]);
  });
});

describe('what is no HTTP', () => {
  it.each([
    ['a header that goes on in the next line', request('GET /v1/files HTTP/1.1', ['x-long: a', ' b'])],
    ['a space before the colon', request('GET /v1/files HTTP/1.1', ['x-odd : a'])],
    ['a header without a colon', request('GET /v1/files HTTP/1.1', ['nonsense'])],
    ['a NUL in a header', request('GET /v1/files HTTP/1.1', ['x-nul: a\0b'])],
    ['a carriage return in a header', request('GET /v1/files HTTP/1.1', ['x-cr: a\rb: c'])],
    ['no host', 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n'],
    ['a version to come', 'GET /livez HTTP/9.9\r\nhost: x\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', 'NONSENSE /livez HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a method in small letters', 'get /livez HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a space in the path', 'GET /v1/ files HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n'],
  ])('is refused with 400: %s', async (_what, bytes) => {
    const answers = await raw(bytes);
    expect(statusesOf(answers)).toEqual([400]);
    expect(answers).toMatch(/"type":"invalid_request_error"|^HTTP\/1\.1 400 Bad Request\r\nConnection: close/);
  });

  it.each([
    ['a method that no route has', 'PROPFIND /v1/files HTTP/1.1', [], 405],
    ['TRACE', 'TRACE /v1/files HTTP/1.1', [], 405],
    ['a path as to a proxy', 'GET http://example.com/v1/nothing HTTP/1.1', [], 404],
    ['an expectation that nobody can meet', 'GET /livez HTTP/1.1', ['expect: miracles'], 417],
    [
      'an upgrade to another protocol, which is not taken up',
      'GET /livez HTTP/1.1',
      ['connection: upgrade', 'upgrade: websocket'],
      200,
    ],
  ])('%s', async (_what, start, headers, status) => {
    const connection = await RawConnection.open(server.url);
    connection.send(request(start, headers));
    expect(statusesOf(await connection.until('\r\n\r\n'))).toEqual([status]);
    connection.destroy();
  });

  it('answers requests that come all at once, each in its turn', async () => {
    const last = request('GET /livez HTTP/1.1', ['connection: close']);
    expect(statusesOf(await raw(request('GET /v1/files HTTP/1.1', []).repeat(99) + last))).toEqual(
      Array(100).fill(200),
    );
  });
});

describe('connections that are held on to', () => {
  it('go in the end when their headers do not come, and meanwhile hinder nobody', async () => {
    const slow = await Promise.all(Array.from({ length: 300 }, () => RawConnection.open(server.url)));
    for (const connection of slow) connection.send('GET /v1/files HTTP/1.1\r\nhost: x\r\nx-slow: ');
    for (let count = 0; count < 20; count += 1) expect((await server.fetch('/v1/files')).status).toBe(200);
    const answers = await Promise.all(slow.map((connection) => connection.end()));
    expect(new Set(answers.flatMap(statusesOf))).toEqual(new Set([408]));
  });
});

describe('paths', () => {
  it.each([
    '/v1/files/..%2f..%2f..%2fetc%2fpasswd',
    '/v1/files/%2e%2e%2f%2e%2e%2fadmin.key/content',
    '/v1/files/..%5c..%5cadmin.key',
    '/v1/files/file-%00/content',
    '/v1/files/../../../../etc/passwd',
    '/v1/files/./../../admin.key',
    '//etc/passwd',
    '/docs/..%2f..%2fpackage.json',
    '/docs/../../package.json',
    '/docs/%2e%2e/%2e%2e/package.json',
    '/docs/swagger-ui.css/../../../../package.json',
    '/v1/console/queues/..%2fkeys',
    "/v1/files/file-' OR 1=1 --",
    '/v1/files/file-%F0%9F%92%A9',
    `/v1/files/${'%41'.repeat(500)}`,
  ])('lead to nothing: %s', async (path) => {
    const answers = await raw(request(`GET ${path.replaceAll(' ', '%20')} HTTP/1.1`, ['connection: close']));
    expect([[400], [404]]).toContainEqual(statusesOf(answers));
    expect(answers).not.toMatch(/root:|"dependencies"|mr_[0-9a-f]{32}/);
  });

  it.each(['/v1/files/%', '/v1/files/%zz', '/v1/files/%c0%ae', '/v1/files/%ed%a0%80'])(
    'of a wrong encoding are refused: %s',
    async (path) => {
      expect(statusesOf(await raw(request(`GET ${path} HTTP/1.1`, ['connection: close'])))).toEqual([400]);
    },
  );
});

describe('queries', () => {
  it.each([
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1e3', 'limit'],
    ['limit=NaN', 'limit'],
    ['limit=0x10', 'limit'],
    ['limit=1;2', 'limit'],
    [`limit=${'9'.repeat(30)}`, 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limit=%00', 'limit'],
    ['order=sideways', 'order'],
    ['order=asc&order=desc', 'order'],
    ['after=a&after=b', 'after'],
  ])('are refused with the parameter that is wrong: %s', async (query, param) => {
    const answer = await Answered.by('/v1/files', await server.fetch(`/v1/files?${query}`));
    expect([answer.status, answer.refusal()!.param]).toEqual([400, param]);
  });

  it.each(['after=file-x', 'after=%00', 'after=%27%20OR%201', `after=${'x'.repeat(10_000)}`])(
    'start after nothing that is there: %s',
    async (query) => {
      expect((await server.fetch(`/v1/files?${query}`)).status).toBe(404);
    },
  );

  it.each(['__proto__[x]=1', 'constructor=1', 'limit[]=1', 'toString=1', '=', '&&&', '%', 'purpose=%ff'])(
    'do no harm when they mean nothing: %s',
    async (query) => {
      expect((await server.fetch(`/v1/files?${query}`)).status).toBe(200);
    },
  );
});

describe('names of files', () => {
  it.each([
    ['a\r\nx-evil: 1\r\n\r\n.jsonl', 400],
    ['a\0.jsonl', 400],
    ['a\u0007.jsonl', 400],
    ['"; x="y.jsonl', 400],
    ['\\"; x=\\"y.jsonl', 200],
    ['%0d%0ax-evil:%201.jsonl', 200],
    ['../../../../etc/passwd.jsonl', 200],
    ['C:\\windows\\system32\\a.jsonl', 200],
    ['\u202egnp.jsonl', 200],
    ['.jsonl', 200],
  ])('put nothing into headers or paths: %j', async (name, status) => {
    const before = await storedBlobs(server);
    const response = await postForm(server, [textPart('purpose', 'batch'), filePart(LINE, name)]);
    expect(response.status).toBe(status);
    if (status !== 200) return;
    const { id } = (await response.json()) as { id: string };
    const content = await server.fetch(`/v1/files/${id}/content`);
    expect(content.headers.get('x-evil')).toBeNull();
    expect(content.headers.get('content-disposition')).toMatch(
      /^attachment; filename="(?:[^"\\\r\n/]|\\.)*"(; filename\*=UTF-8''[\w%.~-]+)?$/,
    );
    expect(content.headers.get('x-content-type-options')).toBe('nosniff');
    const [blob] = await newBlobs(server, before);
    expect(blob).toMatch(/^blob_[0-9a-f]{32}$/);
  });
});

describe('forms', () => {
  const many = (count: number, part: (n: number) => string) =>
    `${Array.from({ length: count }, (_, n) => `--xyz\r\n${part(n)}\r\n`).join('')}--xyz--\r\n`;

  it.each([
    ['without a boundary', 'multipart/form-data', WHOLE_FORM],
    ['with an empty boundary', 'multipart/form-data; boundary=', WHOLE_FORM],
    ['with a boundary that is not there', 'multipart/form-data; boundary=abc', WHOLE_FORM],
    ['with a boundary without end', `multipart/form-data; boundary=${'b'.repeat(5_000)}`, WHOLE_FORM],
    ['of ten thousand fields', FORM, many(10_000, (n) => textPart(`f${n}`, 'x'))],
    ['of a thousand files', FORM, many(1_000, () => filePart(LINE))],
    ['with a field of a megabyte', FORM, many(1, () => textPart('purpose', 'x'.repeat(1_000_000)))],
    ['with a field name of a megabyte', FORM, many(1, () => textPart('x'.repeat(1_000_000), 'x'))],
    ['with a header of a megabyte', FORM, `--xyz\r\nx-long: ${'x'.repeat(1_000_000)}\r\n\r\n\r\n--xyz--\r\n`],
    ['with ten thousand headers', FORM, `--xyz\r\n${'x: y\r\n'.repeat(10_000)}\r\n--xyz--\r\n`],
    ['of nothing', FORM, ''],
    ['of bytes', FORM, '\0\x01\x02'.repeat(1_000)],
    ['with a field that objects have already', FORM, many(1, () => textPart('__proto__', 'x'))],
    [
      'with a file for a field that objects have already',
      FORM,
      many(1, () => filePart(LINE, 'a.jsonl', 'constructor')),
    ],
  ])('are refused %s', async (_what, type, body) => {
    const blobs = await storedBlobs(server);
    const answer = await Answered.by('/v1/files', await postBody(server, type, body));
    answer.refusal();
    expect([400, 413, 415]).toContain(answer.status);
    await expect.poll(() => newBlobs(server, blobs), PATIENCE).toEqual([]);
  });
});

describe('after all of it', () => {
  it('the server has written no error into its log', () => {
    expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  it.runIf(CAN_WATCH)('the server has answered all the time, and has hardly grown', async () => {
    expectUnstrained('bad requests', await watch!.report());
  });
});
