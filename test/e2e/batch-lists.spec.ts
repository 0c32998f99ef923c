/** Finding batches again: lists, pages and single ones. */
import type OpenAI from 'openai';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, createBatch, line, upload } from '../support/batches.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await TestServer.start(); // its batches only wait, so that a list stands still
  client = server.openai;
});
afterAll(() => server.close());

describe('lists', () => {
  let ids: string[];

  beforeAll(async () => {
    const fileId = await upload(client, [line('a')]);
    ids = [];
    let newest: Batch;
    for (let n = 0; n < 23; n += 1) {
      newest = await createBatch(client, fileId);
      ids.unshift(newest.id);
    }
    await awaited(client, newest!, ({ status }) => status === 'in_progress');
  });

  it('come newest first, 20 unless asked otherwise, in OpenAI’s envelope', async () => {
    const page = (await (await server.fetch('/v1/batches')).json()) as { data: Batch[] };
    expect(Object.keys(page)).toEqual(['object', 'data', 'first_id', 'last_id', 'has_more']);
    expect(page).toMatchObject({ object: 'list', first_id: ids[0], last_id: ids[19], has_more: true });
    expect(page.data.map(({ id }) => id)).toEqual(ids.slice(0, 20));
    expect(page.data[0]).toEqual(await client.batches.retrieve(ids[0]!));
    expect(await (await server.fetch('/v1/batches?limit=23')).json()).toMatchObject({ has_more: false });
    expect(await (await server.fetch(`/v1/batches?after=${ids[22]}`)).json()).toEqual({
      object: 'list',
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
  });

  it('are walked through by the client without a gap or a repetition', async () => {
    for (const limit of [1, 7, 23, 100]) {
      const seen: string[] = [];
      for await (const { id } of client.batches.list({ limit })) seen.push(id);
      expect(seen).toEqual(ids);
    }
    const after = await client.batches.list({ after: ids[4]!, limit: 2 });
    expect(after.data.map(({ id }) => id)).toEqual(ids.slice(5, 7));
  });

  it.each([
    ['limit=0', 400, "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead."],
    ['limit=101', 400, "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead."],
    ['limit=many', 400, "Invalid type for 'limit': expected an integer, but got a string instead."],
    ['after=batch_none', 404, "No batch found with id 'batch_none'."],
    ['after=file-none', 400, "Invalid 'batch_id': 'file-none'. Expected an ID that begins with 'batch'."],
  ])('refuse ?%s', async (query, status, message) => {
    const response = await server.fetch(`/v1/batches?${query}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message, type: 'invalid_request_error' } });
  });
});

it.each([
  ['batch_0000', 404, "No batch found with id 'batch_0000'.", null, null],
  ['batch_%', 404, "No batch found with id 'batch_%'.", null, null],
  [
    'invalid',
    400,
    "Invalid 'batch_id': 'invalid'. Expected an ID that begins with 'batch'.",
    'batch_id',
    'invalid_value',
  ],
])('knows no batch %s', async (id, status, message, param, code) => {
  const error = { message, type: 'invalid_request_error', param, code };
  await expect(client.batches.retrieve(id)).rejects.toMatchObject({ status, error });
  await expect(client.batches.cancel(id)).rejects.toMatchObject({ status, error });
});
