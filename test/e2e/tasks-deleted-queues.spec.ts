/** Tasks that have ended, after their queue was deleted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let admin: ConsoleClient;
let client: PullWorker;
let acme: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
  acme = await PullWorker.of(server, 'acme', ['tasks']);
});

afterAll(() => server.close());

/** A task that was put by `owner` and completed. */
async function done(queue: string, level = 0, owner = client): Promise<string> {
  const id = await owner.put(queue, { level });
  await client.complete(await client.takeOne(`${queue}:${level}`));
  return id;
}

async function listed(query: string, owner = client): Promise<string[]> {
  return idsOf((await owner.get(`tasks?${query}`)).data);
}

describe('a task whose queue was deleted', () => {
  it('says of which queue and level it was, looked at and listed', async () => {
    await client.makeQueue('gone');
    const [first, second] = [await done('gone'), await done('gone', 5)];
    await admin.delete('queues/gone');
    const said = { queue: 'gone', level: 5, status: 'succeeded' };
    expect(await client.task(second)).toMatchObject({ ...said, result: { body: { a: 1 } } });
    expect((await client.post('get', { task_ids: [first, second] })).tasks).toMatchObject([
      { ...said, level: 0 },
      said,
    ]);
    expect((await client.get('tasks?queue=gone')).data).toMatchObject([said, { ...said, level: 0 }]);
    expect((await client.get('tasks?limit=1')).data).toMatchObject([said]);
    expect(await listed('queue=gone&state=cancelled')).toEqual([]);
    await client.cancelled(first);
    expect((await client.task(first)).status).toBe('succeeded');
    expect(await client.refused('POST', 'put', { endpoint: '/v1/x', queue: 'gone', data: {} })).toEqual([
      400,
      "No queue is named 'gone'.",
    ]);
  });

  it('is listed with those of a queue that has its name now, by its owner', async () => {
    await client.makeQueue('again');
    const before = await done('again');
    await admin.delete('queues/again');
    await client.makeQueue('again', { visibility: 'shared' });
    const theirs = await done('again', 0, acme);
    const now = await done('again');
    expect(await listed('queue=again')).toEqual([now, before]);
    expect(await listed('queue=again', acme)).toEqual([theirs]);
    await admin.delete('queues/again');
    expect(await listed('queue=again')).toEqual([now, before]);
    expect(await listed('queue=again', acme)).toEqual([theirs]);
  });

  it.each(['never', 'Gone'])('is not listed by a name that no queue had, such as %s', async (name) => {
    expect(await client.refused('GET', `tasks?queue=${name}`)).toEqual([400, `No queue is named '${name}'.`]);
  });

  it('is not told to others by the name of a queue that was not theirs', async () => {
    expect((await acme.refused('GET', 'tasks?queue=gone'))[0]).toBe(400);
  });

  it('takes the name with it when it is forgotten, after the time that its queue said', async () => {
    await client.makeQueue('short', { result_ttl_seconds: 3_600 });
    await client.makeQueue('long');
    const ids = [await done('short'), await done('long')];
    for (const name of ['short', 'long']) await admin.delete(`queues/${name}`);
    expect(await listed('queue=short')).toEqual([ids[0]]);
    await server.stop();
    await server.place.alter('UPDATE task SET ended_at = ended_at - 3600001');
    await server.restart();
    const refusal = await until(
      () => client.ask('GET', 'tasks?queue=short'),
      ({ status }) => status !== 200,
    );
    expect(refusal).toMatchObject({ status: 400, body: { message: "No queue is named 'short'." } });
    const tasks: Json[] = (await client.post('get', { task_ids: ids })).tasks;
    expect(tasks).toMatchObject([null, { queue: 'long' }]);
    expect(await listed('queue=long')).toEqual([ids[1]]);
  });
});
