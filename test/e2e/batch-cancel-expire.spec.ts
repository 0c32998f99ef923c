/** Batches that end before their time: cancelled by their owner, or because their window is over. */
import OpenAI, { ConflictError } from 'openai';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, createBatch, customIdsOf, line, run, start, textOf, upload } from '../support/batches.js';
import { Gate } from '../support/inbox.js';
import { putQueues } from '../support/queues.js';
import { askedIn, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** The shortest window there is, and some time for what follows from its end. */
const EXPIRY_LIMIT_MS = 90_000;
/** A queue that nothing consumes. */
const PARKED = { 'X-Millrace-Queue': 'parked' };

let upstream: ScriptedUpstream;
let server: TestServer;
let client: OpenAI;
const hold = new Gate();
/** Started first and looked at last, so that their minute passes beside the other tests. */
let expiring: { mixed: Batch; parked: Batch };

beforeAll(async () => {
  upstream = await ScriptedUpstream.start(async (request) => {
    const id = askedIn(request);
    if (id.startsWith('never')) await new Promise(() => {});
    if (id.startsWith('hold')) await hold.opened;
    return id.startsWith('broken') ? { status: 500, body: '{}' } : ECHO(request);
  });
  server = await TestServer.start({
    MILLRACE_UPSTREAM_URL: upstream.url,
    MILLRACE_UPSTREAM_CONCURRENCY: '4',
    MILLRACE_CANCEL_GRACE: '2s',
    MILLRACE_MAX_TRIES: '100',
  });
  await server.stop();
  await putQueues(server.place, [{ name: 'parked', isServed: false }]);
  await server.restart();
  client = server.openai;
  const ids = ['now-x1', 'never-x', 'broken-x', 'now-x2'];
  expiring = {
    mixed: await startLines(ids, { completion_window: '1m' }),
    parked: await startLines(['now-y1', 'now-y2'], { completion_window: '1m', headers: PARKED }),
  };
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

function startLines(ids: readonly string[], options: Parameters<typeof createBatch>[2] = {}): Promise<Batch> {
  return start(
    client,
    ids.map((id) => line(id)),
    options,
  );
}

function asked(): string[] {
  return upstream.requests.items.map(askedIn);
}

/** The error lines of these input lines of a batch, to the byte. */
function notRun({ id }: Batch, lines: Record<string, number>, code: string, message: string): string {
  const prefix = `batch_req_${id.slice('batch_'.length, -8)}0000000`;
  return Object.entries(lines)
    .map(
      ([customId, number]) =>
        `{"id": "${prefix}${number}", "custom_id": "${customId}", "response": null, ` +
        `"error": {"code": "${code}", "message": "${message}"}}\n`,
    )
    .join('');
}

const CANCELLED = ['batch_cancelled', 'This request was not executed because the batch was cancelled.'] as const;
const EXPIRED = ['batch_expired', 'This request could not be executed before the completion window expired.'] as const;

describe('cancelling', () => {
  it('keeps what is done, lets what runs end within the grace time, and answers for all the rest', async () => {
    const ids = ['now-a', 'hold-a', 'never-a1', 'never-a2', 'never-a3', 'never-a4'];
    const created = await startLines(ids); // one of the four permits is taken by a line that expires
    await until(asked, (seen) => ids.slice(0, 4).every((id) => seen.includes(id)));
    const running = await awaited(client, created, ({ request_counts }) => request_counts!.completed === 1);

    const cancelling = await client.batches.cancel(created.id);
    expect(cancelling).toEqual({
      ...running,
      status: 'cancelling',
      cancelling_at: expect.any(Number) as number,
      request_counts: { total: 6, completed: 1, failed: 0 },
    });
    const repeated = await Promise.all([1, 2, 3].map(() => client.batches.cancel(created.id)));
    for (const again of repeated) expect(again).toEqual(cancelling);

    hold.open();
    const ended = await awaited(client, created);
    expect(ended).toMatchObject({
      status: 'cancelled',
      in_progress_at: running.in_progress_at,
      cancelling_at: cancelling.cancelling_at,
      completed_at: null,
      expired_at: null,
      request_counts: { total: 6, completed: 2, failed: 0 },
      usage: { input_tokens: 2, output_tokens: 4, total_tokens: 6 },
    });
    expect(ended.cancelled_at).toBeGreaterThanOrEqual(cancelling.cancelling_at!);
    expect(await customIdsOf(client, ended.output_file_id)).toEqual(['now-a', 'hold-a']);
    const rest = { 'never-a1': 3, 'never-a2': 4, 'never-a3': 5, 'never-a4': 6 };
    expect(await textOf(client, ended.error_file_id)).toBe(notRun(ended, rest, ...CANCELLED));
    expect(asked()).not.toContain('never-a3');
    const abandoned = await until(
      () => upstream.abandoned.items.map(askedIn),
      (seen) => seen.includes('never-a1') && seen.includes('never-a2'),
    );
    expect(abandoned).not.toContain('hold-a');
    expect(await client.batches.cancel(created.id)).toEqual(ended);
  });

  it('ends a batch of which nothing has run', async () => {
    const created = await startLines(['now-b1', 'now-b2'], { headers: PARKED });
    await awaited(client, created, ({ status }) => status === 'in_progress');
    await client.batches.cancel(created.id);
    const ended = await awaited(client, created);
    expect(ended).toMatchObject({
      status: 'cancelled',
      output_file_id: null,
      request_counts: { total: 2, completed: 0, failed: 0 },
    });
    expect(await textOf(client, ended.error_file_id)).toBe(notRun(ended, { 'now-b1': 1, 'now-b2': 2 }, ...CANCELLED));
  });

  it('ends a batch that is still being checked, without any file', async () => {
    // Files are read one after the other, so a batch behind these is not looked at yet.
    const large = await upload(client, [...Array.from({ length: 49_999 }, (_, n) => line(`n-${n}`)), '?']);
    const small = await upload(client, [line('now-c')]);
    const cancelling = await until(
      async () => {
        for (let n = 0; n < 4; n += 1) await createBatch(client, large);
        const { id } = await createBatch(client, small, { headers: PARKED });
        return client.batches.cancel(id);
      },
      ({ in_progress_at }) => in_progress_at === null,
    );
    expect(cancelling).toMatchObject({ status: 'cancelling', model: null });
    expect(await awaited(client, cancelling)).toMatchObject({
      status: 'cancelled',
      in_progress_at: null,
      cancelling_at: cancelling.cancelling_at,
      output_file_id: null,
      error_file_id: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
  });

  it('comes too late for a batch that has ended, and the client does not try again', async () => {
    let requests = 0;
    const counting: typeof fetch = (...args) => {
      requests += 1;
      return fetch(...args);
    };
    const patient = new OpenAI({ apiKey: server.adminKey, baseURL: `${server.url}/v1`, fetch: counting });
    const completed = await run(client, [line('now-d')]);
    const failed = await run(client, [line('now-e'), '?']);
    for (const { id, status } of [completed, failed]) {
      requests = 0;
      const refused = (await patient.batches.cancel(id).catch((error: unknown) => error)) as ConflictError;
      expect(refused).toBeInstanceOf(ConflictError);
      expect(refused.status).toBe(409);
      expect(refused.error).toEqual({
        message: `Cannot cancel a batch with status '${status}'.`,
        type: 'invalid_request_error',
        param: null,
        code: null,
      });
      expect(refused.headers.get('x-should-retry')).toBe('false');
      expect(requests).toBe(1);
    }
  });

  it.each([
    ['an empty body that is said to be JSON', { 'content-type': 'application/json' }, null],
    ['nothing at all', {}, null],
    ['an empty object', { 'content-type': 'application/json' }, '{}'],
  ])('takes %s', async (_, headers, body) => {
    const { id } = await startLines(['now-f'], { headers: PARKED });
    const response = await server.fetch(`/v1/batches/${id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, ...headers },
      body,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id, status: 'cancelling' });
  });
});

describe('a window that is over', () => {
  it(
    'ends the batch, keeps what is done and answers for all the rest',
    async () => {
      const ended = await awaited(client, expiring.mixed, undefined, EXPIRY_LIMIT_MS);
      expect(ended).toMatchObject({
        status: 'expired',
        expires_at: ended.created_at + 60,
        completed_at: null,
        failed_at: null,
        cancelling_at: null,
        cancelled_at: null,
        errors: null,
        request_counts: { total: 4, completed: 2, failed: 0 },
        usage: { input_tokens: 2, output_tokens: 4, total_tokens: 6 },
      });
      expect(ended.expired_at).toBeGreaterThanOrEqual(ended.expires_at!);
      expect(ended.finalizing_at).toBeGreaterThanOrEqual(ended.expires_at!);
      expect(await customIdsOf(client, ended.output_file_id)).toEqual(['now-x1', 'now-x2']);
      const rest = { 'never-x': 2, 'broken-x': 3 };
      expect(await textOf(client, ended.error_file_id)).toBe(notRun(ended, rest, ...EXPIRED));
      await until(
        () => upstream.abandoned.items.map(askedIn),
        (seen) => seen.includes('never-x'),
      );

      const error = { message: "Cannot cancel a batch with status 'expired'.", param: null, code: null };
      await expect(client.batches.cancel(ended.id)).rejects.toMatchObject({ status: 409, error });
    },
    EXPIRY_LIMIT_MS,
  );

  it(
    'ends also a batch of which nothing has run',
    async () => {
      const ended = await awaited(client, expiring.parked, undefined, EXPIRY_LIMIT_MS);
      expect(ended).toMatchObject({
        status: 'expired',
        output_file_id: null,
        request_counts: { total: 2, completed: 0, failed: 0 },
      });
      expect(await textOf(client, ended.error_file_id)).toBe(notRun(ended, { 'now-y1': 1, 'now-y2': 2 }, ...EXPIRED));
    },
    EXPIRY_LIMIT_MS,
  );
});
