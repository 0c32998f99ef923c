/** Many tasks handed in at once under one Idempotency-Key: each is made once, however often they are sent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let admin: ConsoleClient;
let client: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
  await client.makeQueue('chat');
});
afterAll(() => server.close());

const putBody = (over: object = {}) => ({ endpoint: '/v1/x', queue: 'chat', data: { n: 1 }, ...over });

describe('an Idempotency-Key of many tasks', () => {
  const putMany = (key: string, tasks: unknown[], headers: Record<string, string> = {}) =>
    client.ask('POST', 'put/bulk', { tasks }, { headers: { 'idempotency-key': key, ...headers } });
  const bodies = (...ns: number[]) => ns.map((n) => putBody({ level: 8, data: { n } }));
  const putCount = async (): Promise<number> => (await admin.get('queue/chat/stats')).total_put_cnt;

  it('makes each once, also over a restart', async () => {
    const before = await putCount();
    const answers = await Promise.all(Array.from({ length: 4 }, () => putMany('many', bodies(1, 2))));
    const [first] = answers;
    expect(first!.body.results).toEqual([{ task_id: expect.any(String) }, { task_id: expect.any(String) }]);
    for (const { body } of answers) expect(body).toEqual(first!.body);
    await server.kill();
    await server.restart();
    expect((await putMany('many', bodies(1, 2))).body).toEqual(first!.body);
    expect(await putCount()).toBe(before + 2);
  });

  it('answers for those that are refused as before, and tries again those that may be put by now', async () => {
    await client.makeQueue('tight', { max_depth: 1 });
    const into = (queue: string) => ({ ...putBody(), queue });
    const tasks = [7, into('tight'), into('tight'), putBody({ data: null }), into('not-yet')];
    const first = (await putMany('mixed', tasks)).body.results;
    expect(first).toMatchObject([
      { error: { code: 400 } },
      { task_id: expect.any(String) },
      { error: { code: 429 } },
      { error: { code: 400, message: 'data cannot be null' } },
      { error: { code: 400 } },
    ]);
    expect((await putMany('mixed', tasks)).body.results).toEqual(first);
    await client.take('tight:0');
    await client.makeQueue('not-yet');
    const second = (await putMany('mixed', tasks)).body.results;
    const id = { task_id: expect.any(String) };
    expect(second).toEqual([first[0], first[1], id, first[3], id]);
    expect((await putMany('mixed', tasks)).body.results).toEqual(second);
  });

  it.each([
    ['another task', bodies(1, 3)],
    ['one more', bodies(1, 2, 3)],
    ['one less', bodies(1)],
    ['another order', bodies(2, 1)],
    ['what cannot be put beside them', [...bodies(1, 2), 7]],
  ])('is refused with %s, and puts nothing', async (what, tasks) => {
    await putMany(what, bodies(1, 2));
    const before = await putCount();
    const { status, body } = await putMany(what, tasks);
    expect([status, body]).toEqual([
      422,
      { code: 422, timestamp: expect.any(Number), message: expect.stringContaining(`Idempotency-Key '${what}'`) },
    ]);
    expect(await putCount()).toBe(before);
  });

  it('says nothing where nothing can be put', async () => {
    const nothing = await putMany('nothing', [7]);
    expect([nothing.status, nothing.body.results]).toMatchObject([200, [{ error: { code: 400 } }]]);
    expect((await putMany('nothing', bodies(1))).body.results).toEqual([{ task_id: expect.any(String) }]);
  });

  it('is no key of one task, and has a length', async () => {
    const { results } = (await putMany('shared', bodies(1))).body;
    const one = await client.ask('POST', 'put', bodies(1)[0], { headers: { 'idempotency-key': 'shared' } });
    expect(one.status).toBe(200);
    expect(one.body.data).not.toBe(results[0].task_id);
    expect(await putMany('k'.repeat(256), bodies(1))).toMatchObject({
      status: 400,
      body: { message: "Invalid 'Idempotency-Key': expected at most 255 characters." },
    });
  });
});
