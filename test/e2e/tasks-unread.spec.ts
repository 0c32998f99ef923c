/** Large answers whose readers read nothing: they hold room that others have to wait for, and no more than there is. */
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { sendUnread } from '../support/raw-request.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** Four of them fill the room, of 64 MiB. */
const TEXT = 'x'.repeat(15_000_000);
const CROWDED = 'Large answers to others are still being sent. Try again shortly.';

let server: TestServer;
let worker: PullWorker;
let ids: string[];
let unread: Socket[] = [];

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
  await worker.makeQueue('large');
  ids = await worker.putMany('large', 2, { data: { text: TEXT } });
});

afterEach(() => hangUp());

afterAll(() => server.close());

function hangUp(): void {
  for (const socket of unread) socket.destroy();
  unread = [];
}

async function leaveUnread(method: string, path: string, body: unknown = null): Promise<void> {
  const text = body === null ? '' : JSON.stringify(body);
  const head =
    `${method} /v1/queue/${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.adminKey}\r\n` +
    `content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
  unread.push(await sendUnread(server.url, head + text));
}

/** Puts a task, and answers it when its caller, who stays on the line, waits for it. */
async function answered<T>(mode: string, call: (body: object) => Promise<T>): Promise<T> {
  const data = { queue: 'large', endpoint: '/v1/x', level: 1, response_mode: mode, timeout: 100, data: {} };
  const called = call(data);
  const [task] = await worker.take('large:1', { size: 1, wait_seconds: 30 });
  await worker.complete(task!, { text: TEXT });
  return called;
}

describe('others', () => {
  beforeEach(async () => {
    for (let n = 0; n < 2; n += 1) await leaveUnread('POST', 'get', { task_ids: ids });
  });

  it('wait until a reader is gone; small answers do not', async () => {
    const waiting = Promise.all(ids.map((id) => worker.task(id)));
    expect((await worker.get('tasks?queue=large')).data).toHaveLength(2);
    hangUp();
    expect((await waiting).map(({ data }) => data.text === TEXT)).toEqual([true, true]);
  });

  it('are told to come again when that takes too long', async () => {
    const { status, body, headers } = await worker.ask('GET', ids[0]!);
    expect([status, body.message, headers.get('retry-after')]).toEqual([503, CROWDED, '1']);
  });

  it('get no tasks meanwhile, which stay in their places as if never taken', async () => {
    const { status, body } = await worker.ask('POST', 'take', { queues: ['large:0'], size: 2 });
    expect([status, body.message]).toEqual([503, CROWDED]);
    hangUp();
    expect(await worker.task(ids[0]!)).toMatchObject({ state: 'ready', tries: 0 });
    const taken = await worker.take('large:0', { size: 2 });
    expect(idsOf(taken)).toEqual(ids);
    for (const task of taken) await worker.post(`${task.task_id}/release`, { lease_token: task.lease_token });
  });
});

describe.each(['blocking', 'streaming'])('an answer to a %s call', (mode) => {
  it('comes whole', async () => {
    const { body } = await answered(mode, async (put) => {
      const response = await server.fetch('/v1/queue/put', {
        method: 'POST',
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(put),
      });
      return { body: await response.text() };
    });
    const json = JSON.stringify({ text: TEXT });
    expect(body === (mode === 'blocking' ? json : `data:${json}\n\n`)).toBe(true);
  });

  it('holds room, too', async () => {
    for (let n = 0; n < 4; n += 1) await answered(mode, (put) => leaveUnread('POST', 'put', put));
    await until(
      () => worker.ask('GET', ids[0]!),
      ({ status }) => status === 503,
    );
    hangUp();
    expect((await worker.task(ids[0]!)).data.text === TEXT).toBe(true);
  });
});
