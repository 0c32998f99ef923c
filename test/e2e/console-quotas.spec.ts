/** What a tenant may have at most: told before it is too late, kept under pressure, and never in the way of results. */
import { APIError } from 'openai';
import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { awaited, createBatch, line, start, upload } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { errorOf, jsonl, LINE, storedBlobs } from '../support/uploads.js';

const NO_QUOTA = { max_files: null, max_bytes: null, max_queued_lines: null };

let server: TestServer;
let admin: ConsoleClient;
let upstream: ScriptedUpstream;
let tenants = 0;
/** A tenant of its own for each test. */
let tenant: string;
let client: OpenAI;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url });
  admin = new ConsoleClient(server);
});

beforeEach(async () => {
  tenant = `tenant-${++tenants}`;
  const { token } = await admin.post('keys', { name: 'k', tenant, scopes: ['files', 'batches'] });
  client = server.openaiAs(token);
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

const limit = (quotas: object) => admin.patch(`tenants/${tenant}`, quotas);
const add = async (text?: string) => client.files.create({ file: await jsonl('in.jsonl', text), purpose: 'batch' });

async function usage(): Promise<unknown> {
  const { data } = await admin.get('tenants?limit=100');
  return data.find(({ name }: { name: string }) => name === tenant).usage;
}

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof APIError)) throw new Error('it was accepted');
  expect(error.headers!.get('x-should-retry')).toBe('false');
  return { status: error.status, code: error.code, type: error.type, text: error.message };
}

function exceeded(max: number, what: string, used: number, left: number, more: number | 'more'): object {
  const text =
    `429 You exceeded your current quota: the tenant '${tenant}' may have ${max} ${what}; ${used} are used, ` +
    `${left} are left, and this needs ${more}. Delete files that are not needed.`;
  return { status: 429, code: 'insufficient_quota', type: 'insufficient_quota', text };
}

describe('quotas', () => {
  it('are none at first, are set one by one, and go again', async () => {
    const { data } = await admin.get('tenants?limit=100');
    expect(data.at(-1)).toMatchObject({ object: 'tenant', name: tenant, ...NO_QUOTA });
    expect(await limit({ max_files: 3, max_bytes: 0 })).toMatchObject({ ...NO_QUOTA, max_files: 3, max_bytes: 0 });
    expect(await limit({ max_queued_lines: 9 })).toMatchObject({ max_files: 3, max_bytes: 0, max_queued_lines: 9 });
    expect(await limit(NO_QUOTA)).toMatchObject(NO_QUOTA);
  });

  it.each([
    [{ max_files: -1 }, 'integer_below_min_value', 'max_files'],
    [{ max_bytes: 1.5 }, 'invalid_type', 'max_bytes'],
    [{ max_queued_lines: '7' }, 'invalid_type', 'max_queued_lines'],
    [{ max_lines: 7 }, 'unknown_parameter', 'max_lines'],
  ])('are not %j', async (body, code, param) => {
    expect((await admin.refused('PATCH', `tenants/${tenant}`, body)).slice(0, 3)).toEqual([400, code, param]);
  });

  it('are of a tenant that there is', async () => {
    const text = "No tenant is named 'nobody'.";
    expect(await admin.refused('PATCH', 'tenants/nobody', { max_files: 1 })).toEqual([404, null, null, text]);
  });
});

describe('a quota of files', () => {
  it('refuses one too many, until another is deleted', async () => {
    await limit({ max_files: 2 });
    const { id } = await add();
    await add();
    const before = (await storedBlobs(server)).length;
    expect(await refusalOf(add())).toEqual(exceeded(2, 'files', 2, 0, 1));
    expect((await storedBlobs(server)).length).toBe(before);
    expect(await usage()).toMatchObject({ files: 2, bytes: 2 * LINE.length });
    await client.files.delete(id);
    await add();
  });

  it('of one is told in words for one', async () => {
    await limit({ max_files: 1 });
    await add();
    expect(await refusalOf(add())).toMatchObject({
      text: expect.stringContaining(`may have 1 file; 1 is used, 0 are left, and this needs 1.`),
    });
  });

  it('holds for all at once', async () => {
    await limit({ max_files: 3 });
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => add()));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await usage()).toMatchObject({ files: 3 });
  });

  it('is one tenant’s alone', async () => {
    await limit({ max_files: 0 });
    expect(await refusalOf(add())).toEqual(exceeded(0, 'files', 0, 0, 1));
    await server.openai.files.create({ file: await jsonl(), purpose: 'batch' });
  });
});

describe('a quota of bytes', () => {
  it('takes what just fits, and nothing that does not', async () => {
    await limit({ max_bytes: 3 * LINE.length });
    await add();
    const three = exceeded(3 * LINE.length, 'bytes of files', LINE.length, 2 * LINE.length, 'more');
    expect(await refusalOf(add(LINE.repeat(3)))).toEqual(three);
    await add(LINE.repeat(2));
    expect(await usage()).toMatchObject({ files: 2, bytes: 3 * LINE.length });
  });

  it('refuses a large file long before its end, and leaves nothing of it', async () => {
    await limit({ max_bytes: 100_000 });
    const before = await storedBlobs(server);
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024, 'x');
    const head =
      '--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' +
      '--xyz\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n';
    // It never ends: only an answer ends it.
    const body = new ReadableStream<Buffer>({
      start: (controller) => controller.enqueue(Buffer.from(head)),
      pull: (controller) => {
        sent += piece.length;
        controller.enqueue(piece);
      },
    });
    const headers = { authorization: `Bearer ${client.apiKey}`, 'content-type': 'multipart/form-data; boundary=xyz' };
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    const response = await fetch(`${server.url}/v1/files`, init);
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([429, 'false']);
    expect(await errorOf(response)).toMatchObject({ code: 'insufficient_quota' });
    expect(sent).toBeGreaterThan(100_000);
    expect(await storedBlobs(server)).toEqual(before);
    expect(await usage()).toMatchObject({ files: 0, bytes: 0 });
  });

  it('never costs a batch its results', async () => {
    const fileId = await upload(client, [line('a')]);
    await limit({ max_files: 1, max_bytes: 1 });
    const batch = await awaited(client, await createBatch(client, fileId));
    expect(batch.status).toBe('completed');
    expect(await usage()).toMatchObject({ files: 2 });
    expect(await refusalOf(add())).toMatchObject({
      code: 'insufficient_quota',
      text: expect.stringContaining('0 are left'),
    });
  });
});

describe('a quota of queued lines', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, n) => line(`line-${n}`, { model: tenant }));

  it('fails a batch that has no room, as long as it has none', async () => {
    await admin.post('queues', { name: 'held', tenant, models: [tenant] }); // nothing consumes it
    await limit({ max_queued_lines: 5 });
    const first = await start(client, lines(3));
    await awaited(client, first, ({ status }) => status === 'in_progress');
    expect(await usage()).toMatchObject({ queued_lines: 3 });

    const second = await awaited(client, await start(client, lines(3)));
    const message =
      `You exceeded your current quota: the tenant '${tenant}' may have 5 queued lines; 3 are used, 2 are left, and this ` +
      'needs 3. Wait for other batches to end, or split the file.';
    expect(second).toMatchObject({
      status: 'failed',
      errors: { object: 'list', data: [{ code: 'quota_exceeded', message, param: null, line: null }] },
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
    expect(second.failed_at).toBeGreaterThan(0);

    const third = await start(client, lines(2)); // just fits
    await awaited(client, third, ({ status }) => status === 'in_progress');
    expect(await usage()).toMatchObject({ queued_lines: 5 });
    await client.batches.cancel(first.id);
    await awaited(client, first);
    expect(await usage()).toMatchObject({ queued_lines: 2 });
    const { id } = (await admin.get('queues')).data.find((queue: { name: string }) => queue.name === 'held');
    await admin.patch(`queues/${id}`, { upstream: 'default' });
    expect((await awaited(client, await start(client, lines(3)))).status).toBe('completed');
    expect((await awaited(client, third)).status).toBe('completed');
    expect(await usage()).toMatchObject({ queued_lines: 0 });
  });

  it('looks at the whole of a batch that is read in several pieces', async () => {
    await limit({ max_queued_lines: 1_200 });
    const batch = await awaited(client, await start(client, lines(1_200)));
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 1_200, completed: 1_200 } });
    const tooBig = await awaited(client, await start(client, lines(1_201)));
    expect(tooBig).toMatchObject({ status: 'failed', errors: { data: [{ code: 'quota_exceeded' }] } });
    expect(await server.fetch('/metrics').then((response) => response.text())).toMatch(
      /millrace_batches_ended_total\{status="failed"\} [1-9]/,
    );
  });
});
