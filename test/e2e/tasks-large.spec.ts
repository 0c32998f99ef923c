/** Tasks of which a few are more than one answer holds: nobody may end the server by asking for all of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MillraceClient } from '../../src/sdk/client.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

const TEXT = 'x'.repeat(15_000_000);

let server: TestServer;
let worker: PullWorker;
let ids: string[];

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
  await worker.makeQueue('large');
  ids = await worker.putMany('large', 5, { data: { text: TEXT } });
});
afterAll(() => server.close());

describe('large tasks', () => {
  it('are looked at together as far as an answer holds them; the refusal says how many that are', async () => {
    const { tasks } = await worker.post('get', { task_ids: ids.slice(0, 2) });
    expect(idsOf(tasks)).toEqual(ids.slice(0, 2));
    expect(tasks[1].data.text).toBe(TEXT);
    const refusal = [413, 'An answer holds 32 MiB of tasks, which is the first 2 of these: ask for fewer at a time.'];
    expect(await worker.refused('POST', 'get', { task_ids: ids })).toEqual(refusal);
    expect((await worker.task(ids[4]!)).data.text).toBe(TEXT);
  });

  it('are all looked at by the client, in several answers', async () => {
    const client = new MillraceClient({ url: server.url, key: server.adminKey });
    expect((await client.getMany(ids)).map((task) => task?.id)).toEqual(ids);
  });

  it('are taken as far as an answer holds them; the others are in their places at once, as if never taken', async () => {
    const first = await worker.take('large:0', { size: 5 });
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(await worker.task(ids[2]!)).toMatchObject({ state: 'ready', tries: 0 });
    const others = await Promise.all([
      worker.take('large:0', { size: 5, wait_seconds: 10 }),
      worker.take('large:0', { size: 5, wait_seconds: 10 }),
    ]);
    expect(idsOf(others.flat()).toSorted()).toEqual(ids.slice(2).toSorted());
    for (const task of [...first, ...others.flat()]) {
      await worker.post(`${task.task_id}/fail`, { lease_token: task.lease_token, retryable: false });
    }
    expect((await worker.get(`${ids[4]}/attempts`)).data).toHaveLength(1);
  });

  it('are listed as dead letters page by page', async () => {
    const pages: string[][] = [];
    for (let path = 'dead?queue=large&limit=100'; ;) {
      const page = await worker.get(path);
      pages.push(idsOf(page.data));
      if (!page.has_more) break;
      path = `dead?queue=large&limit=100&after=${page.last_id}`;
    }
    expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
  });
});
