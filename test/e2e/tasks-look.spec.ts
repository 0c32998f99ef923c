/** Tasks as their submitters look at them: one by one, many at once, in lists; and cancelled. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

const NOBODY = 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';

let server: TestServer;
let admin: ConsoleClient;
let client: PullWorker;
let acme: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
  acme = await PullWorker.of(server, 'acme', ['tasks', 'worker', 'queues']);
  await client.makeQueue('other');
});

afterAll(() => server.close());

describe('tasks', () => {
  let ids: string[];

  beforeAll(async () => {
    await client.makeQueue('listed');
    ids = await client.putMany('listed', 5);
    await client.complete(await client.takeOne('listed:0', { size: 1 }));
  });

  it('are looked at many at once, in the order of the ids', async () => {
    const { tasks } = await client.post('get', { task_ids: [ids[3], NOBODY, ids[0], 'nonsense'] });
    expect(tasks).toMatchObject([
      { task_id: ids[3], data: { n: 3 }, state: 'ready' },
      null,
      { task_id: ids[0], result: { body: { a: 1 } } },
      null,
    ]);
  });

  it.each([
    [{}, "Missing required parameter: 'task_ids'."],
    [{ task_ids: 'x' }, /^Invalid type for 'task_ids'/],
    [{ task_ids: [7] }, /^Invalid type for 'task_ids.0'/],
    [{ task_ids: Array.from({ length: 501 }, (_, n) => `task_${n}`) }, "Invalid 'task_ids': at most 500 items."],
  ])('are not looked at by %j', async (body, message) => {
    const [status, said] = await client.refused('POST', 'get', body);
    expect(status).toBe(400);
    expect(said).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  });

  it('are listed newest first, page by page', async () => {
    const seen: string[] = [];
    let path = 'tasks?queue=listed&limit=2';
    for (;;) {
      const page = await client.get(path);
      seen.push(...idsOf(page.data));
      expect(page.last_id).toBe(seen.at(-1));
      if (!page.has_more) break;
      path = `tasks?queue=listed&limit=2&after=${page.last_id}`;
    }
    expect(seen).toEqual(ids.toReversed());
    const [newest] = (await client.get('tasks?queue=listed&limit=1')).data;
    expect(newest).not.toHaveProperty('data');
  });

  it('are listed by state and time', async () => {
    const list = async (query: string) => idsOf((await client.get(`tasks?queue=listed&${query}`)).data);
    expect(await list('state=completed')).toEqual([ids[0]]);
    expect(await list('state=failed')).toEqual([]);
    const { start_time: start } = await client.task(ids[2]!);
    const { start_time: end } = await client.task(ids[4]!);
    const between = await list(`created_after=${start}&created_before=${end}`);
    const times = await Promise.all(between.map(async (id) => (await client.task(id)).start_time));
    for (const at of times) expect(at >= start && at < end).toBe(true);
    expect(await list(`created_after=${end + 1}`)).toEqual([]);
    expect(await client.get('tasks?queue=listed&state=failed')).toEqual({ data: [], has_more: false, last_id: null });
  });

  it.each([
    ['limit=0', 400],
    ['limit=101', 400],
    ['limit=x', 400],
    ['state=sleeping', 400],
    ['queue=nowhere', 400],
    ['created_after=yesterday', 400],
    ['created_before=-1', 400],
    ['batch=batch_x', 404],
    [`after=${NOBODY}`, 404],
    ['queue=a&queue=b', 400],
  ])('are not listed by %s', async (query, status) => {
    expect((await client.refused('GET', `tasks?${query}`))[0]).toBe(status);
  });

  it('of another tenant are not there', async () => {
    const gone = `No task found with id '${ids[0]}'.`;
    const paths = [
      ['GET', ids[0]],
      ['POST', `${ids[0]}/cancel`],
    ].concat(['events', 'attempts', 'callbacks'].map((part) => ['GET', `${ids[0]}/${part}`]));
    for (const [method, path] of paths) {
      expect([path, ...(await acme.refused(method!, path!))]).toEqual([path, 404, gone]);
    }
    expect(await acme.post('get', { task_ids: ids })).toEqual({ tasks: ids.map(() => null) });
    expect((await acme.get('tasks')).data.map(({ queue }: Json) => queue)).not.toContain('listed');
    expect((await acme.refused('GET', `tasks?after=${ids[0]}`))[0]).toBe(404);
    expect((await client.task(ids[0]!)).state).toBe('completed');
  });
});

describe('tasks behind many others', () => {
  it('are listed over pages of which some are empty, none twice', async () => {
    await client.makeQueue('rare');
    await client.makeQueue('many');
    const rare = await client.putMany('rare', 3);
    const tasks = Array.from({ length: 1_000 }, () => ({ endpoint: '/v1/x', queue: 'many', data: {} }));
    for (let put = 0; put < 11_000; put += 1_000) await client.post('put/bulk', { tasks });
    const pages: Json[] = [];
    do {
      const after = pages.length === 0 ? '' : `&after=${pages.at(-1).last_id}`;
      pages.push(await client.get(`tasks?queue=rare&limit=2${after}`));
    } while (pages.at(-1).has_more);
    expect(pages.map(({ data }) => data.length)).toEqual([0, 2, 1]);
    expect(pages.flatMap(({ data }) => idsOf(data))).toEqual(rare.toReversed());
    const [newest] = (await client.get('tasks?queue=many&limit=1')).data;
    expect(newest).toMatchObject({ queue: 'many' });
  });
});

describe('cancelling', () => {
  it('ends a task that waits, or runs, and says nothing of one that has ended', async () => {
    const [waiting, running, done] = await client.putMany('other', 3, { level: 2 });
    await client.cancelled(waiting!);
    const [first, second] = await client.take('other:2');
    expect([first!.task_id, second!.task_id]).toEqual([running, done]);
    await client.complete(second!);
    await client.cancelled(running!);
    await client.cancelled(done!);
    await client.cancelled(waiting!);
    const { tasks } = await client.post('get', { task_ids: [waiting, running, done] });
    expect(tasks).toMatchObject([
      { status: 'cancelled', result: { error: { code: 'cancelled' } } },
      { status: 'cancelled' },
      { status: 'succeeded' },
    ]);
    expect((await client.complete(first!)).status).toBe(409);
    const acts = (await admin.get('audit')).data.filter(({ action }: Json) => action === 'task.cancel');
    expect(acts.map(({ subject }: Json) => subject)).toEqual(expect.arrayContaining([waiting, running]));
    expect(acts).toHaveLength(2);
  });

  it('is refused for what is not there', async () => {
    expect(await client.refused('POST', `${NOBODY}/cancel`)).toEqual([404, `No task found with id '${NOBODY}'.`]);
    expect((await client.refused('GET', 'nonsense'))[0]).toBe(404);
  });
});

describe('attempts', () => {
  it('that failed are shown, oldest first', async () => {
    const id = await client.put('other', { level: 5 });
    for (const message of ['once', 'twice']) {
      const [held] = await client.take('other:5', { worker: { id: 'gpu-1' }, wait_seconds: 20 });
      const body = { lease_token: held!.lease_token, error: { code: 'oom', message }, retry_after: 0 };
      await client.post(`${id}/fail`, body);
    }
    const { data } = await client.get(`${id}/attempts`);
    expect(data).toMatchObject([
      { attempt: 1, worker: 'gpu-1', status_code: null, detail: expect.stringContaining('once') },
      { attempt: 2, worker: 'gpu-1', detail: expect.stringContaining('twice') },
    ]);
    expect(data[0].end_time).toBeGreaterThanOrEqual(data[0].start_time);
  });
});
