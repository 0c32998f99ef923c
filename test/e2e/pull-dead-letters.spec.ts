/** Tasks that have failed for good, in the hands of their queue's owner. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let worker: PullWorker;
let queues = 0;

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
});
afterAll(() => server.close());

/** A queue with so many dead letters, oldest first. */
async function deadLetters(count: number): Promise<{ queue: string; ids: string[] }> {
  const queue = await worker.makeQueue(`dead-${(queues += 1)}`);
  const ids = await worker.putMany(queue, count);
  for (const { task_id: id, lease_token } of await worker.take(`${queue}:0`, { fifo_max: 100, size: 100 })) {
    await worker.post(`${id}/fail`, {
      lease_token,
      retryable: false,
      error: { code: 'broken', message: `${id} broke` },
    });
  }
  return { queue, ids };
}

describe('dead letters', () => {
  it('tell what was wanted, what went wrong and what was tried', async () => {
    const { queue, ids } = await deadLetters(1);
    const { data, has_more, last_id } = await worker.get(`dead?queue=${queue}`);
    expect([has_more, last_id]).toEqual([false, ids[0]]);
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      task_id: ids[0],
      queue,
      level: 0,
      status: 'failed',
      state: 'failed',
      tries: 1,
      data: { n: 0 },
      error: { code: 'broken', message: `${ids[0]} broke` },
      attempts_count: 1,
      attempts: [
        {
          outcome: 'failed',
          detail: `broken: ${ids[0]} broke`,
          started_at: expect.any(Number),
          ended_at: expect.any(Number),
        },
      ],
    });
  });

  it('are listed page by page, in their order', async () => {
    const { queue, ids } = await deadLetters(5);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const page = await worker.get(`dead?queue=${queue}&limit=2&after=${after}`);
      seen.push(...idsOf(page.data));
      after = page.last_id;
      if (!page.has_more) break;
    }
    expect(seen).toEqual(ids);
    expect(await worker.get(`dead?queue=${queue}&after=${ids[4]}`)).toEqual({
      data: [],
      has_more: false,
      last_id: null,
    });
  });

  it('get another chance, one by one, in their old places', async () => {
    const { queue, ids } = await deadLetters(2);
    const later = await worker.put(queue);
    expect(await worker.post(`${ids[1]}/redrive`)).toEqual({ task_id: ids[1], state: 'ready' });
    const [again, next] = await worker.take(`${queue}:0`);
    expect([again!.task_id, again!.tries, next!.task_id]).toEqual([ids[1], 0, later]);
    await worker.complete(again!);
    expect((await worker.task(ids[1]!)).state).toBe('completed');
    expect(await worker.refused('POST', `${ids[1]}/redrive`)).toEqual([409, `The task '${ids[1]}' is no dead letter.`]);
    expect((await worker.refused('POST', 'task_of_nobody/redrive'))[0]).toBe(404);
  });

  it('wake a worker who waits', async () => {
    const { queue, ids } = await deadLetters(1);
    const take = worker.take(`${queue}:0`, { wait_seconds: 60 });
    await worker.post(`${ids[0]}/redrive`);
    expect(idsOf(await take)).toEqual(ids);
  });

  it('get another chance many at once: some, or all of a queue', async () => {
    const { queue, ids } = await deadLetters(6);
    const some = { task_ids: [ids[0], ids[1], 'task_of_nobody'] };
    expect(await worker.post('dead/redrive', some)).toEqual({ redriven: 2 });
    expect(await worker.post('dead/redrive', { queue })).toEqual({ redriven: 4 });
    expect(await worker.post('dead/redrive', { queue })).toEqual({ redriven: 0 });
    expect(idsOf(await worker.take(`${queue}:0`))).toEqual(ids);
  });

  it('are forgotten', async () => {
    const { queue, ids } = await deadLetters(2);
    const { status, body } = await worker.ask('DELETE', ids[0]!);
    expect([status, body]).toEqual([200, { task_id: ids[0], deleted: true }]);
    expect((await worker.ask('GET', ids[0]!)).status).toBe(404);
    expect(await worker.refused('DELETE', ids[0]!)).toEqual([404, `No task found with id '${ids[0]}'.`]);
    expect(idsOf((await worker.get(`dead?queue=${queue}`)).data)).toEqual([ids[1]]);
    const alive = await worker.put(queue);
    expect(await worker.refused('DELETE', alive)).toEqual([409, `The task '${alive}' is no dead letter.`]);
    expect((await worker.task(alive)).state).toBe('ready');
  });

  it('are forgotten many at once: some, or all of a queue, which can be deleted then', async () => {
    const { queue, ids } = await deadLetters(6);
    const other = await deadLetters(1);
    const operator = new ConsoleClient(server);
    const [status, , , message] = await operator.refused('DELETE', `queues/${queue}`);
    expect(status).toBe(409);
    expect(message).toContain(
      'still holds 6 dead letters. Send them back (POST /v1/queue/dead/redrive) or delete them',
    );
    const some = { task_ids: [ids[0], ids[1], 'task_of_nobody'] };
    const figures = async () => {
      const headers = { authorization: `Bearer ${server.adminKey}` };
      const stats = await (await server.fetch(`/v1/console/queue/${queue}/stats`, { headers })).json();
      return stats as { failed: number; dead_letters: number };
    };
    expect(await figures()).toMatchObject({ failed: 6, dead_letters: 6 });
    expect(await worker.post('dead/drop', some)).toEqual({ dropped: 2 });
    expect(await figures()).toMatchObject({ failed: 6, dead_letters: 4 });
    expect(await worker.post('dead/drop', { queue })).toEqual({ dropped: 4 });
    expect(await worker.post('dead/drop', { queue })).toEqual({ dropped: 0 });
    for (const id of ids) expect((await worker.ask('GET', id)).status).toBe(404);
    const acts = (await operator.get('audit?limit=100')).data.filter(({ subject }: Json) => ids.includes(subject));
    expect(acts.map(({ action, subject }: Json) => [action, subject])).toEqual(
      ids.toReversed().map((id) => ['task.drop', id]),
    );
    await operator.delete(`queues/${queue}`);
    expect(idsOf((await worker.get(`dead?queue=${other.queue}`)).data)).toEqual(other.ids);
  });

  it('are not there for others', async () => {
    const { queue, ids } = await deadLetters(1);
    const { token: key } = await new ConsoleClient(server).post('keys', {
      name: 'x',
      tenant: `t${queues}`,
      scopes: ['tasks'],
    });
    const stranger = new PullWorker(server, key);
    expect((await stranger.refused('GET', `dead?queue=${queue}`))[0]).toBe(400);
    expect((await stranger.refused('POST', `${ids[0]}/redrive`))[0]).toBe(404);
    expect((await stranger.refused('DELETE', ids[0]!))[0]).toBe(404);
    expect(await stranger.post('dead/redrive', { task_ids: ids })).toEqual({ redriven: 0 });
    expect(await stranger.post('dead/drop', { task_ids: ids })).toEqual({ dropped: 0 });
    expect(await stranger.refused('POST', 'dead/drop', { queue })).toEqual([
      400,
      `You have no queue named '${queue}'.`,
    ]);
    expect(idsOf((await worker.get(`dead?queue=${queue}`)).data)).toEqual(ids);
  });
});
