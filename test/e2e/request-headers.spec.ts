/** Headers that change what a request means: none is passed over in silence. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBatch } from '../support/batches.js';
import { exampleBodyOf, fill, readDocument, routesOf } from '../support/api-document.js';
import { PullWorker } from '../support/pull-worker.js';
import { Answered } from '../support/refusals.js';
import { TestServer } from '../support/server.js';
import { filePart, jsonl, LINE, postForm, storedBlobs, textPart } from '../support/uploads.js';

let server: TestServer;
let client: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  client = new PullWorker(server);
});
afterAll(() => server.close());

function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const always = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  return server.fetch(path, { method, headers: { ...always, ...headers }, ...(body === undefined ? {} : { body }) });
}

describe('a packed body', () => {
  const refusalOf = (encoding: string) =>
    `The Content-Encoding of the request must be identity, but it is '${encoding}'. Send the body uncompressed.`;

  it('is refused by every route that takes one', async () => {
    const document = await readDocument(server);
    const routes = routesOf(document).filter((route) => exampleBodyOf(document, route) !== undefined);
    expect(routes.length).toBeGreaterThan(15);
    for (const route of routes) {
      const path = fill(route, 'x');
      const body = gzipSync(JSON.stringify(exampleBodyOf(document, route)));
      const answer = await Answered.by(path, await send(route.method, path, { 'content-encoding': 'gzip' }, body));
      expect([route.name, answer.status]).toEqual([route.name, 415]);
      expect(answer.refusal(route.name)!.message).toBe(refusalOf('gzip'));
      expect(answer.headers.get('accept-encoding')).toBe('identity');
    }
  });

  it('is refused as an upload, of which nothing is kept', async () => {
    const blobs = await storedBlobs(server);
    const type = 'multipart/form-data; boundary=xyz';
    const form = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`;
    const headers = { 'content-type': type, 'content-encoding': 'gzip' };
    const answer = await Answered.by('/v1/files', await send('POST', '/v1/files', headers, gzipSync(form)));
    expect([answer.status, answer.refusal()!.message]).toEqual([415, refusalOf('gzip')]);
    expect(await storedBlobs(server)).toEqual(blobs);
    expect((await postForm(server, [textPart('purpose', 'batch'), filePart(LINE)])).status).toBe(200);
  });

  it.each(['gzip', 'x-gzip', 'br', 'deflate', 'zstd', 'compress', 'identity, gzip', 'gzip,identity', 'x', 'GZIP'])(
    'is refused whatever it was packed with: %s',
    async (encoding) => {
      const answer = await Answered.by(
        '/v1/queue/put',
        await send('POST', '/v1/queue/put', { 'content-encoding': encoding }, '{}'),
      );
      expect([answer.status, answer.refusal()!.message]).toEqual([415, refusalOf(encoding)]);
    },
  );

  it.each(['identity', 'Identity', 'identity, identity', ''])('is none with the encoding %j', async (encoding) => {
    const body = JSON.stringify({ endpoint: '/v1/x', queue: 'default', data: {} });
    expect((await send('POST', '/v1/queue/put', { 'content-encoding': encoding }, body)).status).toBe(200);
  });

  it('is none where there is no body, and no news where there is no route', async () => {
    const packed = { 'content-encoding': 'gzip' };
    expect((await send('GET', '/v1/files', packed)).status).toBe(200);
    expect((await send('POST', '/v1/nowhere', packed, '{}')).status).toBe(404);
    expect((await send('PUT', '/v1/files', packed, '{}')).status).toBe(405);
  });
});

describe('an empty header is refused:', () => {
  const messageOf = (name: string) => `Invalid '${name}': the header is empty. Give it a value, or leave it out.`;
  const put = (name: string, value: string) =>
    client.ask('POST', 'put', { endpoint: '/v1/x', queue: 'default', data: {} }, { headers: { [name]: value } });

  it.each(['Idempotency-Key', 'X-Millrace-Level', 'X-Millrace-Queue'])('%s of a batch', async (name) => {
    const { id } = await server.openai.files.create({ file: await jsonl(), purpose: 'batch' });
    for (const value of ['', ' ', '\t']) {
      await expect(createBatch(server.openai, id, { headers: { [name]: value } })).rejects.toMatchObject({
        status: 400,
        error: { message: messageOf(name), type: 'invalid_request_error', param: name, code: 'invalid_value' },
      });
    }
  });

  it.each(['Idempotency-Key', 'X-Millrace-Queue'])('%s of a task', async (name) => {
    const { status, body } = await put(name, '');
    expect([status, body.message]).toEqual([400, messageOf(name)]);
  });

  it.each(['complete', 'progress', 'fail', 'release'])('X-Millrace-Lease-Token of a call to %s', async (call) => {
    const headers = { 'x-millrace-lease-token': '' };
    const { status, body } = await client.ask('POST', `task_x/${call}`, { event_data: 1 }, { headers });
    expect([status, body.message]).toEqual([400, messageOf('X-Millrace-Lease-Token')]);
  });

  it("but not the one of bella's clients", async () => {
    expect((await put('X-BELLA-QUEUE-NAME', '')).status).toBe(200);
  });
});
