/** Tasks that functions of the server's own process work off, by the example of `examples/handlers`. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { PullWorker } from '../support/pull-worker.js';
import { newPlace } from '../support/new-place.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { StreamCall } from '../support/stream-client.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/handlers/handlers.js');

let sim: TestSim;
let server: TestServer;
let admin: ConsoleClient;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_HANDLERS: EXAMPLE, MILLRACE_UPSTREAM_URL: sim.url });
  admin = new ConsoleClient(server);
  await admin.post('queues', { name: 'texts', consumers: ['handler'] });
});
afterAll(async () => {
  await server.close();
  await sim.close();
});

const post = async (body: object): Promise<{ status: number; body: Json; id: string | null }> => {
  const response = await server.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ queue: 'texts', response_mode: 'blocking', ...body }),
  });
  const text = await response.text();
  const id = response.headers.get('x-millrace-task-id');
  return { status: response.status, body: text === '' ? null : JSON.parse(text), id };
};
const taskOf = async (id: string): Promise<Json> => (await server.fetch(`/v1/queue/${id}`)).json();
const stateOf = async (id: string): Promise<string> => ((await taskOf(id)) as { state: string }).state;

describe('a task with a handler', () => {
  it('is answered with what the handler returns', async () => {
    const { status, body } = await post({ type: 'word-count', data: { text: 'to be or not to be' } });
    expect([status, body]).toEqual([200, { words: 6 }]);
  });

  it('streams what the handler says', async () => {
    const call = await StreamCall.open(server, {
      queue: 'texts',
      type: 'speak',
      data: { text: 'one two three', pause_ms: 1 },
    });
    expect((await call.rest()).map(({ data }) => JSON.parse(data) as unknown)).toEqual([
      { word: 'one' },
      { word: 'two' },
      { word: 'three' },
    ]);
    expect(await taskOf(call.taskId)).toMatchObject({ state: 'completed', result: { body: { words: 3 } } });
  });

  it('tells its handler when it is cancelled', async () => {
    const call = await StreamCall.open(server, {
      queue: 'texts',
      type: 'speak',
      data: { text: 'one two', pause_ms: 1 },
    });
    await call.rest();
    const long = await StreamCall.open(server, {
      queue: 'texts',
      type: 'speak',
      data: { text: 'one '.repeat(10_000), pause_ms: 10 },
    });
    await long.next();
    long.hangUp();
    const lane = await until(
      async () => (await admin.lanes())['texts:0'],
      ({ leased }) => leased === 0,
    );
    expect(lane).toMatchObject({ ready: 0 });
    expect(await stateOf(long.taskId)).toBe('cancelled');
  });

  it('fails at once where the handler says that there is no use in trying again', async () => {
    const { status, body, id } = await post({ type: 'word-count', data: { text: 7 } });
    expect([status, body.message]).toEqual([500, "'data.text' must be a string."]);
    expect(await taskOf(id!)).toMatchObject({ state: 'failed' });
  });

  it.each([
    [{ type: 'nonsense' }, "'nonsense'"],
    [{}, "'texts'"],
  ])('is refused when there is none for it: %j', async (over, named) => {
    const { status, body } = await post({ endpoint: '/v1/x', data: {}, ...over });
    expect(status).toBe(400);
    expect(body.message).toContain(`tasks of the type ${named}`);
    expect(body.message).toContain("'word-count', 'speak'");
  });

  it('needs no type in a queue that is named like it', async () => {
    await admin.post('queues', { name: 'word-count', consumers: ['handler'] });
    for (const endpoint of ['/v1/x', null, undefined])
      expect((await post({ queue: 'word-count', endpoint, data: { text: 'a b' } })).body).toEqual({ words: 2 });
    const { status, body } = await post({ queue: 'default', data: { text: 'a b' } });
    expect([status, body]).toMatchObject([400, { message: 'endpoint cannot be null' }]);
  });

  it('may share its queue with an upstream and with workers', async () => {
    await admin.post('queues', { name: 'all', consumers: ['handler', 'upstream', 'pull'], upstream: 'default' });
    const data = { model: 'demo', messages: [{ role: 'user', content: 'Hello.' }], text: 'a b c' };
    expect((await post({ queue: 'all', type: 'word-count', data })).body).toEqual({ words: 3 });
    expect((await post({ queue: 'all', endpoint: '/v1/chat/completions', data })).body).toMatchObject({
      object: 'chat.completion',
    });
    const worker = new PullWorker(server);
    const { id } = await post({ queue: 'all', type: 'for-people', data, response_mode: 'callback' });
    const taken = await worker.ask('POST', 'take', { queues: ['all:0'] });
    expect(taken.body).toMatchObject({ 'all:0': [{ task_id: id }] });
  });

  it('runs no more at a time than its handler allows', async () => {
    const calls = await Promise.all(
      Array.from({ length: 6 }, () =>
        StreamCall.open(server, { queue: 'texts', type: 'speak', data: { text: 'x '.repeat(2_000), pause_ms: 20 } }),
      ),
    );
    const lane = () => admin.lanes().then((lanes) => lanes['texts:0']);
    await until(lane, ({ leased, ready }) => leased === 4 && ready === 2);
    calls[0]!.hangUp();
    calls[1]!.hangUp();
    await until(lane, ({ leased, ready }) => leased === 4 && ready === 0);
    for (const call of calls) call.hangUp();
    expect(await until(lane, ({ leased }) => leased === 0)).toMatchObject({ ready: 0 });
  });

  it('gets a part of a rate of its queue that is smaller than the places of another type', async () => {
    await admin.post('queues', { name: 'rated', consumers: ['handler'], per_minute: 5 });
    const put = (type: string) => post({ queue: 'rated', type, data: { text: 'a b', pause_ms: 1 } });
    for (const type of ['speak', 'word-count', 'speak']) expect((await put(type)).body).toEqual({ words: 2 });
  });

  it('is begun in its turn where its queue runs one at a time', async () => {
    await admin.post('queues', { name: 'single', consumers: ['handler'], max_concurrency: 1 });
    await admin.post('queues/single/pause');
    const ids: string[] = [];
    for (const type of ['speak', 'speak', 'word-count', 'word-count', 'speak', 'word-count']) {
      const { id } = await post({ queue: 'single', type, data: { text: 'a', pause_ms: 5 }, response_mode: 'callback' });
      ids.push(id!);
    }
    await admin.post('queues/single/resume');
    const ends: number[] = [];
    for (const id of ids) {
      const ended = await until(
        () => taskOf(id),
        ({ state }) => state === 'completed',
      );
      ends.push((ended as { completed_time: number }).completed_time);
    }
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
  });

  it('is run again when its server died before it said anything', async () => {
    const call = await StreamCall.open(server, {
      queue: 'texts',
      type: 'speak',
      data: { text: 'late', pause_ms: 1_000 },
    });
    await until(
      () => stateOf(call.taskId),
      (state) => state === 'leased',
    );
    await Promise.all([server.kill(), call.rest().catch(() => [])]);
    await server.restart();
    const ended = await until(
      () => taskOf(call.taskId),
      ({ state }) => state === 'completed',
    );
    expect(ended).toMatchObject({ result: { body: { words: 1 } } });
  });
});

describe('a server does not start', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await makeTemporaryFolder();
    await mkdir(join(folder.path, 'node_modules'));
    await symlink(ROOT, join(folder.path, 'node_modules/millrace'));
  });
  afterAll(() => folder.remove());

  const failureOf = async (text: string | null): Promise<string> => {
    const path = join(folder.path, `${String(Math.random()).slice(2)}.mjs`);
    if (text !== null) await writeFile(path, text);
    const failing = TestServer.prepare({ MILLRACE_HANDLERS: path }, await newPlace());
    await expect(failing.restart()).rejects.toThrow('ended');
    const said = failing.logs.map(({ msg }) => msg).join('\n');
    await failing.close();
    return said;
  };

  it('without the file of handlers', async () => {
    expect(await failureOf(null)).toMatch(/the handlers of MILLRACE_HANDLERS, \S+, cannot be loaded: /);
  });

  it('with a file that exports no module', async () => {
    expect(await failureOf('export default 7;')).toMatch(/has no Nest module as its default export/);
  });

  it('with two handlers of one type', async () => {
    const said = await failureOf(`
      import { TaskHandler } from 'millrace/handlers';
      class One { run() {} }
      class Two { go() {} }
      TaskHandler('same')(One.prototype, 'run');
      TaskHandler('same')(Two.prototype, 'go');
      export default { module: class Both {}, providers: [One, Two] };
    `);
    expect(said).toContain("the task type 'same' has two handlers, One.run and Two.go: it can have only one");
  });
});
