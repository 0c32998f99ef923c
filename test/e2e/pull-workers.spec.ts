/** Who pulls tasks, as their tenant sees it; and what workers of others may not do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let worker: PullWorker;
let queues = 0;

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
});
afterAll(() => server.close());

const newQueue = () => worker.makeQueue(`workers-${(queues += 1)}`);

describe('the list of workers', () => {
  it('tells who holds what', async () => {
    const queue = await newQueue();
    await worker.putMany(queue, 3);
    await worker.take(`${queue}:0`, { size: 2, process_timeout: 60, worker: { id: 'gpu-a', capacity: 2 } });
    await worker.take(`${queue}:0`, { size: 2, worker: { id: 'gpu-b' } });
    const { data } = await worker.get(`workers?queue=${queue}`);
    expect(data).toHaveLength(2);
    expect(data.find(({ id }: { id: string }) => id === 'gpu-a')).toEqual({
      id: 'gpu-a',
      capacity: 2,
      last_seen_at: expect.any(Number),
      queues: [`${queue}:0`],
      held: [{ queue, level: 0, count: 2, oldest_leased_at: expect.any(Number), next_lease_end: expect.any(Number) }],
    });
    expect(data.find(({ id }: { id: string }) => id === 'gpu-b')).toMatchObject({
      capacity: null,
      held: [{ count: 1, next_lease_end: 0 }],
    });
    expect((await worker.get('workers?queue=other')).data).toEqual([]);
  });
});

describe('a worker who gets nothing', () => {
  it('is seen, with what it asks for, in all that tells of its queue', async () => {
    const [queue, other] = [await newQueue(), await newQueue()];
    await worker.take([`${queue}:3`, `${queue}:0`, `${other}:0`], { worker: { id: 'idle', capacity: 1 } });
    const { data } = await worker.get(`workers?queue=${queue}`);
    expect(data).toMatchObject([{ id: 'idle', queues: [`${queue}:0`, `${queue}:3`, `${other}:0`], held: [] }]);
    expect((await worker.get(`workers?queue=${queue}-x`)).data).toEqual([]);
    const seen = [{ id: 'idle', held: 0, last_seen_time: data[0].last_seen_at }];
    for (const lane of [`${queue}:0`, `${queue}:3`, `${other}:0`]) {
      expect(await worker.get(`${lane}/stats`)).toMatchObject({ workers: seen });
    }
    await worker.take(`${queue}:1`);
    expect(await worker.get(`${queue}:1/stats`)).toMatchObject({ workers: [{ id: 'admin', held: 0 }] });
  });
});

describe('workers who do not name themselves', () => {
  it('are seen as one by the id of their key, with what they hold', async () => {
    const console = new ConsoleClient(server);
    const { id: key, token } = await console.post('keys', {
      name: 'nameless',
      tenant: 'nameless',
      scopes: ['worker', 'tasks', 'queues'],
    });
    const nameless = new PullWorker(server, token);
    await nameless.post('register', { queue: 'quiet', endpoint: '/v1/x' });
    const [id] = await nameless.putMany('quiet', 2);
    const [task] = await nameless.take('quiet:0', { size: 1 });
    await nameless.take('quiet:0', { size: 1, process_timeout: 60, worker: { capacity: 3 } });
    const { data } = await nameless.get('workers');
    expect(data).toMatchObject([{ id: key, queues: ['quiet:0'], held: [{ queue: 'quiet', count: 2 }] }]);
    expect(await nameless.get('quiet:0/stats')).toMatchObject({ workers: [{ id: key, held: 2 }] });
    await nameless.post(`${id}/fail`, { lease_token: task!.lease_token });
    expect((await nameless.get(`${id}/attempts`)).data).toMatchObject([{ worker: key }]);
    await worker.take(`${await newQueue()}:0`);
    expect((await worker.get('workers')).data[0]).toMatchObject({ id: 'admin', held: [] });
  });
});

describe('a worker of another tenant', () => {
  it('gets nothing, and changes nothing', async () => {
    const console = new ConsoleClient(server);
    const { token: key } = await console.post('keys', {
      name: 'stranger',
      tenant: 'strangers',
      scopes: ['worker', 'tasks'],
    });
    const stranger = new PullWorker(server, key);
    const queue = await newQueue();
    const id = await worker.put(queue);
    expect(await stranger.refused('POST', 'take', { queues: [`${queue}:0`] })).toEqual([
      400,
      `You have no queue named '${queue}'.`,
    ]);
    const task = await worker.takeOne(`${queue}:0`, { worker: { id: 'ours' } });
    const { lease_token } = task;
    expect((await stranger.complete(task)).status).toBe(404);
    expect(await stranger.post(`${id}/complete`, { body: {} })).toBe(id);
    expect((await stranger.ask('POST', `${id}/fail`, {})).status).toBe(404);
    expect((await stranger.ask('POST', `${id}/release`, { lease_token })).status).toBe(404);
    expect(await stranger.post('heartbeat', { leases: [{ task_id: id, lease_token }] })).toEqual({
      alive: [],
      gone: [id],
    });
    expect((await stranger.get('workers')).data).toEqual([]);
    expect((await worker.complete(task)).status).toBe(200);
    const only = await console.post('keys', { name: 'submitter', scopes: ['tasks'] });
    const [status, message] = await new PullWorker(server, only.token).refused('POST', 'take', {
      queues: [`${queue}:0`],
    });
    expect([status, message]).toEqual([403, expect.stringContaining('Missing scopes: worker.')]);
  });
});
