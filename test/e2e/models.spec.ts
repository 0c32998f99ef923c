/** Which models there are to ask for, who sees them, and where their lines go. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { line, run } from '../support/batches.js';
import { makeKeys } from '../support/keys.js';
import { putQueues } from '../support/queues.js';
import { ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';

let upstream: ScriptedUpstream;
let server: TestServer;
let own: OpenAI;
let foreign: OpenAI;
/** What was listed before queues were set up. */
let atFirst: unknown;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start(({ path, ...request }) =>
    path === '/v1/models'
      ? { body: JSON.stringify({ data: [{ id: 'told' }, { id: 'common' }] }) }
      : ECHO({ path, ...request }),
  );
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url });
  atFirst = await (await server.fetch('/v1/models')).json();
  await server.stop();
  const scopes = ['files', 'batches'] as const;
  const [key] = await makeKeys(server.place, [{ tenantName: 'other', name: 'k', scopes, expiresAt: null }]);
  await putQueues(server.place, [
    { name: 'default', isShared: true, models: ['common'] },
    { name: 'private', models: ['mine'] },
    { name: 'theirs', tenantName: 'other', models: ['theirs', 'common'] },
    { name: 'vectors', isShared: true, models: ['embedder'], endpoint: '/v1/embeddings' },
  ]);
  await server.restart();
  own = server.openai;
  foreign = server.openaiAs(key!.token);
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

it('lists what the upstream has where every queue takes any', () => {
  const model = { object: 'model', created: 0, owned_by: 'default' };
  expect(atFirst).toEqual({
    object: 'list',
    data: [
      { id: 'told', ...model },
      { id: 'common', ...model },
    ],
  });
});

it('lists the models of the caller’s own queues and of the shared ones, each once', async () => {
  const listed = async (client: OpenAI) => (await client.models.list()).data.map(({ id }) => id).toSorted();
  expect(await listed(own)).toEqual(['common', 'embedder', 'mine']);
  expect(await listed(foreign)).toEqual(['common', 'embedder', 'theirs']);
  expect(await (await server.fetch('/v1/models')).json()).toMatchObject({
    object: 'list',
    data: expect.arrayContaining([{ id: 'mine', object: 'model', created: 0, owned_by: 'private' }]) as unknown,
  });
});

it('gives one model, also one with a slash in its name, and only to who may see it', async () => {
  expect(await own.models.retrieve('mine')).toMatchObject({ id: 'mine', object: 'model', owned_by: 'private' });
  await expect(foreign.models.retrieve('mine')).rejects.toMatchObject({ status: 404, param: 'model' });
  await expect(own.models.retrieve('meta/none')).rejects.toThrow("The model 'meta/none' does not exist.");
});

it('sends the lines of a model to the queue that lists it, one of the caller’s own before a shared one', async () => {
  for (const [client, models] of [
    [own, ['mine', 'common']],
    [foreign, ['theirs', 'common', 'common']],
  ] as const) {
    const batch = await run(
      client,
      models.map((model, index) => line(`n-${index}`, { model })),
    );
    expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: models.length } });
  }
  const stats = (await (await server.fetch('/v1/console/stats')).json()) as {
    lanes: { queue: string; level: number; totals: { completed: number } }[];
  };
  expect(stats.lanes.map(({ queue, level, totals }) => [queue, level, totals.completed])).toEqual([
    ['default', 1, 1],
    ['private', 1, 1],
    ['theirs', 1, 3],
  ]);
});

it('refuses lines whose model no queue takes for that endpoint, or only one of somebody else', async () => {
  const notFound = async (client: OpenAI, ...models: string[]) => {
    const batch = await run(
      client,
      models.map((model, index) => line(`n-${index}`, { model })),
    );
    return batch.errors?.data;
  };
  const fault = (model: string, at: number) => ({
    code: 'model_not_found',
    message: `The provided model '${model}' is not supported by the Batch API.`,
    param: 'body.model',
    line: at,
  });
  expect(await notFound(own, 'common', 'nowhere', 'mine', 'theirs', 'embedder')).toEqual([
    fault('nowhere', 2),
    fault('theirs', 4),
    fault('embedder', 5),
  ]);
  expect(await notFound(foreign, 'theirs', 'mine')).toEqual([fault('mine', 2)]);
});
