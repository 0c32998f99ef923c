/** Requests that last longer than their keys: waits of workers and callers, and streams. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { PullWorker, type TaskAnswer } from '../support/pull-worker.js';
import { StreamReader } from '../support/stream-reader.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const ERROR_FRAME =
  'event:error\ndata:{"status_code":401,"error":{"code":"invalid_api_key",' +
  '"message":"Your API key was revoked, or has expired."}}\n\n';

let server: TestServer;
let admin: ConsoleClient;
let owner: PullWorker;
let queues = 0;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  owner = new PullWorker(server);
});

afterAll(() => server.close());

const newQueue = () => owner.makeQueue(`ended-${(queues += 1)}`);

async function keyOf(scope: string, over: object = {}): Promise<{ id: string; client: PullWorker }> {
  const { id, token } = await admin.post('keys', { name: 'x', scopes: [scope], ...over });
  return { id, client: new PullWorker(server, token) };
}

/** A take that waits; resolves when it does. */
async function waiting(client: PullWorker, queue: string): Promise<{ answer: Promise<TaskAnswer> }> {
  const asked = { queues: [`${queue}:0`], wait_seconds: 60 };
  const answer = client.ask('POST', 'take', asked);
  await until(
    () => owner.get(`workers?queue=${queue}`),
    ({ data }) => data.length > 0,
  );
  return { answer };
}

describe('a take that waits', () => {
  it('ends without a task when its key is revoked, and the next one who waits gets what comes then', async () => {
    const queue = await newQueue();
    const { id, client } = await keyOf('worker');
    const { answer } = await waiting(client, queue);
    const heir = owner.take(`${queue}:0`, { wait_seconds: 60 });
    await admin.delete(`keys/${id}`);
    const taskId = await owner.put(queue);
    const { status, body } = await answer;
    expect([status, body]).toEqual([401, undefined]);
    const [task] = await heir;
    expect(task).toMatchObject({ task_id: taskId, tries: 0 });
    expect((await owner.complete(task!)).status).toBe(200);
  });

  it('ends though nothing comes, also when its key is replaced', async () => {
    const queue = await newQueue();
    const { id, client } = await keyOf('worker');
    const { answer } = await waiting(client, queue);
    await admin.post(`keys/${id}/rotate`);
    expect((await answer).status).toBe(401);
  });

  it('goes on when its key is replaced by one that works beside it for a while', async () => {
    const queue = await newQueue();
    const { id, client } = await keyOf('worker');
    const { answer } = await waiting(client, queue);
    await admin.post(`keys/${id}/rotate`, { overlap_seconds: 60 });
    await owner.put(queue);
    const { status, body } = await answer;
    expect([status, body[`${queue}:0`]]).toEqual([200, [expect.objectContaining({ queue })]]);
  });

  it('ends when its key expires', async () => {
    const queue = await newQueue();
    const { client } = await keyOf('worker', { expires_at: Math.floor(Date.now() / 1000) + 2 });
    const { status } = await client.ask('POST', 'take', { queues: [`${queue}:0`], wait_seconds: 60 });
    expect(status).toBe(401);
  });
});

describe('a caller whose key is revoked', () => {
  const open = (client: PullWorker, path: string, body?: object) =>
    server.fetch(`/v1/queue/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });

  it('waits for no answer any more; the task goes on, for somebody else to ask for', async () => {
    const queue = await newQueue();
    const { id, client } = await keyOf('tasks');
    const answer = open(client, 'put', { endpoint: '/v1/x', queue, data: {}, response_mode: 'blocking' });
    const task = await owner.takeOne(`${queue}:0`, { wait_seconds: 60 });
    await admin.delete(`keys/${id}`);
    const { status, headers } = await answer;
    expect([status, headers.get('x-millrace-task-id')]).toEqual([401, task.task_id]);
    expect((await owner.complete(task)).status).toBe(200);
    expect(await owner.task(task.task_id)).toMatchObject({ state: 'completed' });
  });

  it('hears no more of the tasks that he listens to', async () => {
    const queue = await newQueue();
    const { id, client } = await keyOf('tasks');
    const body = { endpoint: '/v1/x', queue, data: {}, response_mode: 'streaming' };
    const made = new StreamReader(await open(client, 'put', body));
    const task = await owner.takeOne(`${queue}:0`, { wait_seconds: 60 });
    const joined = new StreamReader(await open(client, `${task.task_id}/events`));
    const say = (data: string) =>
      owner.post(`${task.task_id}/progress`, { lease_token: task.lease_token, event_data: data });
    await say('before');
    for (const stream of [made, joined]) await stream.until('before');
    await admin.delete(`keys/${id}`);
    const ended = await Promise.all([made, joined].map((stream) => stream.end()));
    await say('after');
    expect(ended).toEqual(Array(2).fill(`id:1\ndata:before\n\n${ERROR_FRAME}`));
    expect((await owner.complete(task)).status).toBe(200);
  });
});
