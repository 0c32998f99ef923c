/** Why a batch does not move, as the tenant whose batch it is may see it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from 'openai/resources/batches';
import { awaited, line, start } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let admin: ConsoleClient;
let acme: { token: string };
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  upstream.answerWith(ECHO);
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  await admin.post('upstreams', { name: 'up', base_url: upstream.url });
  await admin.post('queues', { name: 'fast', upstream: 'up', models: ['fast'] });
  await admin.post('queues', { name: 'held', upstream: 'up', models: ['held'] });
  await admin.post('queues', { name: 'idle', consumers: ['pull'], models: ['idle'] });
  await admin.post('queues/held/pause');
  acme = await admin.post('keys', { name: 'k', tenant: 'acme', scopes: ['batches', 'files'] });
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

const HELD = "the queue 'held' is paused";
const statsOf = ({ id }: Batch) => admin.get(`batches/${id}/stats`);
const running = (batch: Batch) => awaited(server.openai, batch, ({ status }) => status === 'in_progress');

describe('a batch', () => {
  it('says what its lines wait for, and each reason once', async () => {
    const models = ['held', 'fast', 'idle', 'held', 'idle'];
    const lines = models.map((model, n) => line(`line-${n}`, { model }));
    const batch = await running(await start(server.openai, lines));
    const stats = await until(
      () => statsOf(batch),
      ({ waits_because: reasons }) => reasons.length === 2,
    );
    expect(stats).toEqual({
      id: batch.id,
      status: 'in_progress',
      waits_because: expect.arrayContaining([HELD, "no worker takes from the queue 'idle'"]),
    });
  });

  it('waits for nothing once it has ended, or nothing is in its way', async () => {
    const batch = await start(server.openai, [line('a', { model: 'fast' })]);
    await awaited(server.openai, batch);
    expect(await statsOf(batch)).toEqual({ id: batch.id, status: 'completed', waits_because: [] });
  });

  it('is not answered for by the lines of others', async () => {
    const blocked = await running(await start(server.openai, [line('a', { model: 'held' })]));
    const other = await start(server.openai, [line('a', { model: 'fast' })]);
    await awaited(server.openai, other);
    expect((await statsOf(blocked)).waits_because).toEqual([HELD]);
    expect((await statsOf(other)).waits_because).toEqual([]);
    await server.openai.batches.cancel(blocked.id);
    expect((await statsOf(blocked)).waits_because).toEqual([]);
  });

  it('is not shown to another tenant, nor to a key without the scope', async () => {
    const batch = await start(server.openai, [line('a', { model: 'fast' })]);
    const stranger = new ConsoleClient(server, acme.token);
    const unknown = `No batch found with id '${batch.id}'.`;
    expect(await stranger.refused('GET', `batches/${batch.id}/stats`)).toEqual([404, null, null, unknown]);
    const { token } = await admin.post('keys', { name: 'k', tenant: 'acme', scopes: ['files', 'tasks'] });
    const [status] = await new ConsoleClient(server, token).refused('GET', `batches/${batch.id}/stats`);
    expect(status).toBe(403);
  });

  it.each([
    ['batch_nobody', 404],
    ['task_x', 400],
    ['%00', 400],
    ['batch_%F0%9F%98%80', 404],
  ])('that is none is refused: %s', async (id, status) => {
    expect((await admin.refused('GET', `batches/${id}/stats`))[0]).toBe(status);
  });
});
