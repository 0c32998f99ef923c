import OpenAI, { NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.js';
import { errorOf, jsonl, LINE } from '../support/uploads.js';

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await TestServer.start();
  client = server.openai;
});

afterAll(() => server.close());

describe('listing', () => {
  const ids: string[] = [];

  beforeAll(async () => {
    for (const purpose of ['batch', 'user_data', 'batch', 'batch', 'evals'] as const) {
      ids.push((await client.files.create({ file: await jsonl(), purpose })).id);
    }
  });

  async function listed(query: OpenAI.FileListParams & { limit?: number } = {}): Promise<string[]> {
    return (await client.files.list(query)).data.map(({ id }) => id);
  }

  it('starts with the newest', async () => {
    expect(await listed()).toEqual(ids.toReversed());
    expect(await listed({ order: 'asc' })).toEqual(ids);
    expect(await listed({ order: 'desc' })).toEqual(ids.toReversed());
  });

  it('gives pages that join without a gap, in both directions', async () => {
    for (const order of ['asc', 'desc'] as const) {
      const seen: string[] = [];
      for await (const { id } of client.files.list({ order, limit: 2 })) seen.push(id);
      expect(seen).toEqual(order === 'asc' ? ids : ids.toReversed());
    }
  });

  it('has OpenAI’s envelope', async () => {
    const page = (await (await server.fetch('/v1/files?limit=2')).json()) as object;
    expect(Object.keys(page)).toEqual(['object', 'data', 'first_id', 'last_id', 'has_more']);
    expect(page).toMatchObject({ object: 'list', first_id: ids[4], last_id: ids[3], has_more: true });
    expect(await (await server.fetch(`/v1/files?after=${ids[0]}`)).json()).toEqual({
      object: 'list',
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
    expect(await (await server.fetch('/v1/files?limit=5')).json()).toMatchObject({ has_more: false });
  });

  it('filters by purpose', async () => {
    expect(await listed({ purpose: 'batch' })).toEqual([ids[3], ids[2], ids[0]]);
    expect(await listed({ purpose: 'batch', limit: 1, after: ids[3]! })).toEqual([ids[2]]);
    expect(await listed({ purpose: 'nothing' })).toEqual([]);
  });

  it('goes on after a file that was deleted meanwhile', async () => {
    const { id } = await client.files.create({ file: await jsonl(), purpose: 'batch' });
    await client.files.delete(id);
    expect(await listed({ after: id })).toEqual(ids.toReversed());
  });

  it.each([
    [
      'limit=0',
      400,
      "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
      'limit',
    ],
    [
      'limit=10001',
      400,
      "Invalid 'limit': integer above maximum value. Expected a value <= 10000, but got 10001 instead.",
      'limit',
    ],
    ['limit=ten', 400, "Invalid type for 'limit': expected an integer, but got a string instead.", 'limit'],
    ['limit=1&limit=2', 400, "Invalid type for 'limit': expected a string, but got an array instead.", 'limit'],
    ['order=up', 400, "Invalid value: 'up'. Supported values are: 'desc' and 'asc'.", 'order'],
    ['after=file-nothing', 404, 'Resource not found.', 'after'],
  ])('refuses ?%s', async (query, status, message, param) => {
    const response = await server.fetch(`/v1/files?${query}`);
    expect(response.status).toBe(status);
    expect(await errorOf(response)).toMatchObject({ message, param, type: 'invalid_request_error' });
  });
});

describe('one file', () => {
  const NOT_THERE = 'file-00000000000000000000000000000000';

  it('is unknown under a wrong id, whatever is asked of it', async () => {
    for (const act of ['retrieve', 'delete', 'content'] as const) {
      const refused = await client.files[act](NOT_THERE).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(NotFoundError);
      expect(refused).toMatchObject({
        error: {
          message: `No such File object: ${NOT_THERE}`,
          type: 'invalid_request_error',
          param: 'id',
          code: null,
        },
      });
    }
    await expect(client.files.retrieve("x' OR 1=1 --/../")).rejects.toBeInstanceOf(NotFoundError);
  });

  it('is gone once it is deleted', async () => {
    const { id } = await client.files.create({ file: await jsonl(), purpose: 'batch' });
    expect(await client.files.delete(id)).toEqual({ id, object: 'file', deleted: true });
    await expect(client.files.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.files.content(id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.files.delete(id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('is downloaded as bytes that no browser takes for something else', async () => {
    const { id } = await client.files.create({ file: await jsonl('nächste.jsonl'), purpose: 'batch' });
    const response = await client.files.content(id);
    expect(await response.text()).toBe(LINE);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(LINE.length),
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
    });
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="n\u00e4chste.jsonl"');
  });

  it('is not given out for a purpose that is for taking in only', async () => {
    const { id } = await client.files.create({ file: await jsonl(), purpose: 'assistants' });
    await expect(client.files.content(id)).rejects.toMatchObject({
      status: 400,
      error: { message: 'Not allowed to download files of purpose: assistants', param: null, code: null },
    });
  });

  it('gives a range of its bytes', async () => {
    const { id } = await client.files.create({ file: await jsonl('d.jsonl', '1234567890'), purpose: 'batch' });
    const get = (range: string, method = 'GET') =>
      server.fetch(`/v1/files/${id}/content`, {
        method,
        headers: { authorization: `Bearer ${server.adminKey}`, range },
      });
    for (const [range, text, shown] of [
      ['bytes=2-4', '345', 'bytes 2-4/10'],
      ['bytes=7-', '890', 'bytes 7-9/10'],
      ['bytes=-3', '890', 'bytes 7-9/10'],
      ['bytes=0-999', '1234567890', 'bytes 0-9/10'],
    ] as const) {
      const response = await get(range);
      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe(shown);
      expect(response.headers.get('content-length')).toBe(String(text.length));
      expect(await response.text()).toBe(text);
    }
    for (const ignored of ['bytes=0-1,4-5', 'lines=1-2', 'bytes=x', 'nonsense']) {
      const response = await get(ignored);
      expect([response.status, await response.text()]).toEqual([200, '1234567890']);
    }
    const beyond = await get('bytes=10-');
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get('content-range')).toBe('bytes */10');
    expect(await errorOf(beyond)).toMatchObject({ message: 'The file has only 10 bytes.' });
    const head = await get('bytes=2-4', 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([206, '3', '']);
  });

  it('outlives a crash right after its answer', async () => {
    const made = await client.files.create({ file: await jsonl(), purpose: 'batch' });
    await server.kill();
    await server.restart();
    expect(await client.files.retrieve(made.id)).toEqual(made);
    expect(await (await client.files.content(made.id)).text()).toBe(LINE);
  });
});
