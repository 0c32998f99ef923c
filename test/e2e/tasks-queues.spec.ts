/** Queues as those set them up whose workers pull from them: made, described, counted, limited and cleared. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const NO_LANE = "Invalid 'lane': expected the name of a queue and a level from 0 to 9, such as 'chat:0'.";

let server: TestServer;
let admin: ConsoleClient;
/** Of the tenant `default`. */
let client: PullWorker;
let acme: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
  acme = await PullWorker.of(server, 'acme', ['tasks', 'worker', 'queues']);
});

afterAll(() => server.close());

const register = (queue: unknown, endpoint: unknown = '/v1/x') => client.ask('POST', 'register', { queue, endpoint });

describe('a queue', () => {
  it('is registered, and answers with its name as a JSON text', async () => {
    const response = await server.fetch('/v1/queue/register', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ queue: 'my-queue_1', endpoint: '/v1/chat/completions', nonsense: [1] }),
    });
    expect([response.status, await response.text()]).toEqual([200, '"my-queue_1"']);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(await client.get('my-queue_1/metadata')).toEqual({ endpoint: '/v1/chat/completions', queue: 'my-queue_1' });
    expect(await admin.get('queues/my-queue_1')).toMatchObject({
      tenant: 'default',
      visibility: 'private',
      consumers: ['pull'],
      endpoint: '/v1/chat/completions',
    });
    const lanes: { level: number }[] = await admin.lanes().then(Object.values);
    expect(lanes.filter((lane: object) => 'queue' in lane && lane.queue === 'my-queue_1')).toMatchObject([
      { level: 0 },
      { level: 1 },
    ]);
    expect((await admin.get('audit')).data[0]).toMatchObject({ action: 'queue.create' });
  });

  it('is registered for whatever its workers call their work', async () => {
    expect(await client.post('register', { queue: 'named-work', endpoint: 'embed' })).toBe('named-work');
    const id = (await client.post('put', { endpoint: 'embed', data: {} })).data;
    expect(await client.get(id)).toMatchObject({ queue: 'named-work', endpoint: 'embed' });
  });

  it.each([
    [undefined, '/v1/x', 'queue cannot be empty'],
    [null, '/v1/x', 'queue cannot be empty'],
    ['', '/v1/x', 'queue cannot be empty'],
    [7, '/v1/x', "Invalid type for 'queue': expected a string, but got an integer instead."],
    ['a b', '/v1/x', 'queue name can only contain alphanumeric characters, underscores, and hyphens'],
    ['a:1', '/v1/x', 'queue name can only contain alphanumeric characters, underscores, and hyphens'],
    ['ü', '/v1/x', 'queue name can only contain alphanumeric characters, underscores, and hyphens'],
    ['q'.repeat(65), '/v1/x', 'queue name cannot exceed 64 characters'],
    ['q', undefined, 'endpoint cannot be empty'],
    ['q', ' ', 'endpoint cannot be empty'],
    ['q', ['/v1/x'], "Invalid type for 'endpoint': expected a string, but got an array instead."],
    ['q', 'x'.repeat(201), 'endpoint cannot exceed 200 characters'],
    ['q', '/v1/a b', "endpoint holds white space: expected a path such as '/v1/chat/completions'"],
    ['q', '/v1/x\n', "endpoint holds white space: expected a path such as '/v1/chat/completions'"],
    ['q', 'a\0b', 'endpoint holds a NUL character or half of a surrogate pair'],
  ])('is not registered as %j for %j', async (queue, endpoint, message) => {
    expect(await client.refused('POST', 'register', { queue, endpoint })).toEqual([400, message]);
  });

  it.each(['[]', '"q"', '7', '{', ''])('is not registered by %j', async (body) => {
    expect((await client.refused('POST', 'register', body))[0]).toBe(400);
  });

  it('has a name of its own, in its tenant and beside shared ones', async () => {
    expect((await register('taken')).status).toBe(200);
    expect(await client.refused('POST', 'register', { queue: 'taken', endpoint: '/v1/y' })).toEqual([
      400,
      '非法的数据',
    ]);
    expect(await acme.refused('POST', 'register', { queue: 'default', endpoint: '/v1/y' })).toEqual([
      400,
      '非法的数据',
    ]);
    expect(await acme.post('register', { queue: 'taken', endpoint: '/v1/y' })).toBe('taken');
    expect(await acme.get('taken/metadata')).toEqual({ endpoint: '/v1/y', queue: 'taken' });
    expect(await client.get('taken/metadata')).toEqual({ endpoint: '/v1/x', queue: 'taken' });
  });

  it('is seen by its tenant only, a shared one by all', async () => {
    await register('hidden');
    expect(await acme.refused('GET', 'hidden/metadata')).toEqual([404, "No queue is named 'hidden'."]);
    expect(await acme.refused('GET', 'hidden:0/stats')).toEqual([
      404,
      "You have no queue named 'hidden' with a level 0.",
    ]);
    expect(await acme.get('default/metadata')).toEqual({ queue: 'default' });
    const names = (await acme.get('list')).data.map(({ queue }: { queue: string }) => queue);
    expect(names).toContain('default');
    expect(names).not.toContain('hidden');
    const lanes = (await (await server.fetch('/v1/console/queue/stats', as(acme))).json()) as Json[];
    expect(lanes.map(({ queue }) => queue)).toEqual(['taken', 'taken']);
  });
});

const as = ({ key }: PullWorker) => ({ headers: { authorization: `Bearer ${key}` } });

describe('the figures of a lane', () => {
  it('tell what it holds, what went through it, and who works on it', async () => {
    await client.makeQueue('figures');
    await client.putMany('figures', 4, { level: 2 });
    await client.put('figures', { level: 2, delay: 3_600 });
    const [first, second] = await client.take('figures:2', { size: 2, worker: { id: 'gpu-1', capacity: 4 } });
    await client.complete(first!);
    await client.ask('POST', `${second!.task_id}/fail`, { error: { message: 'no' }, retryable: false });
    const [third] = await client.take('figures:2', { size: 1, worker: { id: 'gpu-1' } });
    expect(third).toBeDefined();
    const stats = await client.get('figures:2/stats');
    expect(stats).toMatchObject({
      id: expect.any(Number),
      queue: 'figures',
      level: 2,
      last_wrote_sharding_key: '',
      last_wrote_id: 5,
      last_scanned_sharding_key: '',
      last_scanned_id: 3,
      total_put_cnt: 5,
      total_loaded_cnt: 3,
      total_completed_cnt: 1,
      total_failed_cnt: 1,
      ready: 1,
      scheduled: 1,
      leased: 1,
      completed: 1,
      failed: 1,
      consumers: ['pull'],
      workers: [{ id: 'gpu-1', held: 1, last_seen_time: expect.any(Number) }],
      reasons: ["the workers of the queue 'figures' are busy with 1 task of this level"],
    });
    const { cuid, muid, cu_name, mu_name } = stats;
    expect([cuid, cu_name]).toEqual([expect.any(Number), 'default']);
    expect([muid, mu_name]).toEqual([cuid, cu_name]);
    expect(stats.ctime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    expect(stats.oldest_age_ms).toBeGreaterThan(0);
    const all = await (await server.fetch('/v1/console/queue/stats')).json();
    expect(all).toContainEqual({ ...stats, ...timely });
  });

  const timely = {
    oldest_age_ms: expect.any(Number),
    put_per_second: expect.any(Number),
    taken_per_second: expect.any(Number),
    completed_per_second: expect.any(Number),
  };

  it.each(['figures', 'figures:', 'figures:10', 'figures:x', 'figures:1:1', ':1', 'a%20b:1'])(
    'are not asked for of %s',
    async (lane) => {
      expect(await client.refused('GET', `${lane}/stats`)).toEqual([400, NO_LANE]);
    },
  );

  it('are not there for a level that was never used', async () => {
    expect(await client.refused('GET', 'figures:9/stats')).toEqual([
      404,
      "You have no queue named 'figures' with a level 9.",
    ]);
  });
});

describe('the figures of a queue', () => {
  const statsOf = (queue: string, who = client) => server.fetch(`/v1/console/queue/${queue}/stats`, as(who));

  it('tell of all its levels together, and of each', async () => {
    await client.makeQueue('whole');
    await client.putMany('whole', 2, { level: 0 });
    await client.putMany('whole', 3, { level: 4 });
    const [first] = await client.take('whole:0', { size: 1, worker: { id: 'gpu-1' } });
    await client.complete(first!);
    await client.take(['whole:0', 'whole:4'], { size: 2, strategy: 'round_robin', worker: { id: 'gpu-1' } });
    await client.take('whole:9', { worker: { id: 'gpu-2' } });
    const stats = (await (await statsOf('whole')).json()) as Json;
    expect(stats).toMatchObject({
      queue: 'whole',
      total_put_cnt: 5,
      total_loaded_cnt: 3,
      total_completed_cnt: 1,
      total_failed_cnt: 0,
      ready: 2,
      leased: 2,
      completed: 1,
      consumers: ['pull'],
      workers: expect.arrayContaining([
        expect.objectContaining({ id: 'gpu-1', held: 2 }),
        expect.objectContaining({ id: 'gpu-2', held: 0 }),
      ]),
      levels: [
        { level: 0, ready: 0, leased: 1, total_put_cnt: 2 },
        { level: 4, ready: 2, leased: 1, total_put_cnt: 3 },
        { level: 9, ready: 0, leased: 0, total_put_cnt: 0 },
      ],
      reasons: ["the workers of the queue 'whole' are busy with 1 task of this level"],
    });
    expect(stats.put_per_second).toBeGreaterThan(stats.taken_per_second);
    expect(stats.taken_per_second).toBeGreaterThan(stats.completed_per_second);
    expect(stats.completed_per_second).toBeGreaterThan(0);
    expect(stats.oldest_age_ms).toBeGreaterThan(0);
    expect(stats).not.toHaveProperty('level');
  });

  it('are nothing where nothing came in yet', async () => {
    await client.makeQueue('fresh');
    const nothing = { ready: 0, oldest_age_ms: null, put_per_second: 0, workers: [], reasons: [] };
    expect(await (await statsOf('fresh')).json()).toMatchObject(nothing);
  });

  it.each(['nowhere', 'whole:0', 'a%20b'])('are not asked for of %s', async (name) => {
    const response = await statsOf(name);
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { message: `You have no queue named '${decodeURIComponent(name)}'.` },
    ]);
  });

  it('are for its owner, also where others may use it', async () => {
    for (const name of ['whole', 'default']) expect((await statsOf(name, acme)).status).toBe(404);
  });
});

describe('a lane', () => {
  const clear = async (lane: string, who = client) => {
    const response = await server.fetch(`/v1/console/${lane}/clear`, { method: 'POST', ...as(who) });
    return [response.status, await response.json()];
  };

  it('is cleared of what waits; what runs goes on', async () => {
    await client.makeQueue('clearing');
    const ids = await client.putMany('clearing', 3, { level: 1 });
    const other = await client.put('clearing', { level: 0 });
    const held = await client.take('clearing:1', { size: 1 });
    expect(await clear('clearing:1')).toEqual([200, 'clearing:1']);
    const states = await Promise.all([...ids, other].map(async (id) => (await client.task(id)).state));
    expect(states).toEqual(['leased', 'cancelled', 'cancelled', 'ready']);
    expect((await client.task(ids[1]!)).result).toMatchObject({ error: { code: 'cleared' } });
    expect((await client.complete(held[0]!)).status).toBe(200);
    expect(await client.take('clearing:1')).toEqual([]);
    const late = await client.put('clearing', { level: 1 });
    expect(idsOf(await client.take('clearing:1'))).toEqual([late]);
  });

  it('is cleared by nobody but its owner', async () => {
    expect(await clear('default:1', acme)).toMatchObject([
      400,
      { code: 400, message: 'Access denied. You can only reset queues created by yourself' },
    ]);
    expect(await clear('clearing:1', acme)).toMatchObject([404, { message: "You have no queue named 'clearing'." }]);
    for (const lane of ['clearing:x', 'clearing']) {
      expect(await clear(lane)).toMatchObject([400, { code: 400, message: NO_LANE }]);
    }
  });
});

describe('limits', () => {
  it('are set, shown and taken back', async () => {
    const limits = {
      max_concurrency: 2,
      per_minute: 100,
      max_depth: 3,
      result_ttl_seconds: 3_600,
      completion_rule: 'last',
    };
    const none = {
      max_concurrency: null,
      per_minute: null,
      max_depth: null,
      result_ttl_seconds: null,
      completion_rule: 'first',
    };
    expect(await admin.post('queues', { name: 'limits', consumers: ['pull'] })).toMatchObject(none);
    expect(await admin.patch('queues/limits', limits)).toMatchObject(limits);
    expect(await admin.patch('queues/limits', { max_depth: null })).toMatchObject({ ...limits, max_depth: null });
    expect(await admin.patch('queues/limits', none)).toMatchObject(none);
    expect(await admin.post('queues', { name: 'limited-from-the-start', ...limits })).toMatchObject(limits);
  });

  it.each(['max_concurrency', 'per_minute', 'max_depth', 'result_ttl_seconds'])(
    'are whole numbers: %s',
    async (name) => {
      for (const value of [0, -1, 1.5, '7', true, [], 1e15]) {
        const [status, , param] = await admin.refused('PATCH', 'queues/limits', { [name]: value });
        expect([value, status, param]).toEqual([value, 400, name]);
      }
    },
  );

  it.each(['latest', '', 1])('are no completion rule %j', async (rule) => {
    const [status, , param] = await admin.refused('PATCH', 'queues/limits', { completion_rule: rule });
    expect([status, param]).toEqual([400, 'completion_rule']);
  });

  it('keep a full queue from growing, over all its levels, with a word when to try again', async () => {
    await client.makeQueue('small', { max_depth: 2 });
    await client.put('small', { level: 0 });
    await client.put('small', { level: 1 });
    const refused = await client.ask('POST', 'put', { endpoint: '/v1/x', queue: 'small', data: {} });
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 429, message: "The queue 'small' is full: 2 tasks wait in it, and it takes 2. Try again later." },
    });
    expect(refused.headers.get('retry-after')).toBe('1');
    const bulk = await client.post('put/bulk', { tasks: [{ endpoint: '/v1/x', queue: 'small', data: {} }] });
    expect(bulk.results).toMatchObject([{ error: { code: 429 } }]);
    await client.take('small:0');
    await client.put('small');
  });

  it('keep tasks from running at the same time, over all workers', async () => {
    await client.makeQueue('narrow', { max_concurrency: 2 });
    await client.putMany('narrow', 5);
    const first = await client.take('narrow:0', { size: 1 });
    const second = await client.take('narrow:0', { size: 5 });
    expect([first.length, second.length, (await client.take('narrow:0')).length]).toEqual([1, 1, 0]);
    await client.complete(first[0]!);
    expect(await client.take('narrow:0', { size: 5 })).toHaveLength(1);
  });

  it('keep tasks from being begun too fast', async () => {
    await client.makeQueue('slow', { per_minute: 2 });
    await client.putMany('slow', 3);
    // Limits that several servers share may not know for a moment after their start what was given before.
    const taken = await until(
      () => client.take('slow:0', { size: 5 }),
      (tasks) => tasks.length > 0,
    );
    expect(taken).toHaveLength(2);
    expect(await client.take('slow:0', { size: 5 })).toEqual([]);
  });

  it('let the last answer count where the queue says so', async () => {
    await client.makeQueue('last', { completion_rule: 'last' });
    const id = await client.put('last');
    await client.takeOne('last:0');
    for (const n of [1, 2]) await client.post(`${id}/complete`, { body: { n } });
    expect((await client.task(id)).result.body).toEqual({ n: 2 });
  });
});

describe('who may do that', () => {
  it.each([
    ['POST', 'register', ['queues']],
    ['GET', 'taken/metadata', ['queues', 'tasks', 'worker']],
    ['GET', 'taken:0/stats', ['queues', 'tasks', 'worker']],
    ['GET', 'list', ['queues', 'tasks', 'worker']],
  ])('%s %s: keys with one of the scopes', async (method, path, scopes) => {
    const all = ['files', 'batches', 'tasks', 'worker', 'queues', 'metrics'];
    for (const scope of all) {
      const { status, body } = await (
        await PullWorker.of(server, 'acme', [scope])
      ).ask(method, path, method === 'POST' ? {} : undefined);
      if (scopes.includes(scope)) expect([scope, status]).not.toEqual([scope, 403]);
      else {
        const list = scopes.length === 1 ? scopes[0]! : 'queues, tasks or worker';
        expect([scope, status, body.message]).toEqual([
          scope,
          403,
          expect.stringContaining(`Missing scopes: ${list}.`),
        ]);
      }
    }
  });

  it('nobody without a key, and then there is nothing to read', async () => {
    for (const path of [
      '/v1/queue/list',
      '/v1/queue/put',
      '/v1/queue/tasks',
      '/v1/console/queue/stats',
      '/v1/console/queues',
    ]) {
      const response = await server.fetch(path, { headers: { authorization: 'Bearer mr_wrong' } });
      expect([path, response.status, await response.text()]).toEqual([path, 401, '']);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
  });
});
