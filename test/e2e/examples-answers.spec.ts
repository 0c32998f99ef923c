/** The examples that receive answers: as callbacks, and as a stream. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Answer, MillraceClient, Worker, type Handler } from '../../src/sdk/index.js';
import type { ChildProgram } from '../support/child-program.js';
import { ConsoleClient } from '../support/console.js';
import { runExample } from '../support/examples.js';
import { Gate } from '../support/inbox.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let client: MillraceClient;
let worker: Worker | null = null;
let program: ChildProgram | null = null;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1' });
  await new ConsoleClient(server).post('queues', { name: 'gpu', consumers: ['pull'] });
  client = new MillraceClient({ url: server.url, key: server.adminKey });
});

afterEach(async () => {
  if (program?.isRunning) program.send('SIGKILL');
  await worker?.stop(0);
  await program?.ended;
  worker = null;
});

afterAll(() => server.close());

function work(handler: Handler): void {
  // Restarts of the server are part of these tests, and what the worker says of them is not.
  worker = new Worker({ url: server.url, key: server.adminKey, queues: ['gpu:0'], handler, onError: () => null });
  void worker.run();
}

describe('callback-receiver.mjs', () => {
  it('takes what the server has signed, and nothing else', async () => {
    const { secret } = await new ConsoleClient(server).post('tenants/default/webhook-secret', {});
    program = runExample(server, 'callback-receiver.mjs', [], { WEBHOOK_SECRET: secret, PORT: '0' });
    const url = await program.printed((line) => /http:\S+/.exec(line)?.[0] ?? null);
    work(() => ({ text: 'Größe' }));
    const id = await client.put({ queue: 'gpu', endpoint: '/v1/words', data: {}, callbackUrl: url });
    const line = await program.printed((text) => (text.startsWith(id) ? text : null));
    expect(line).toBe(`${id} ended with status 200: {"text":"Größe"}`);

    const headers = {
      'webhook-id': 'x',
      'webhook-timestamp': String(Date.now() / 1000),
      'webhook-signature': 'v1,AAAA',
    };
    const forged = await fetch(url, { method: 'POST', headers, body: '{"status_code":200}' });
    expect(forged.status).toBe(400);
    const refusal = await program.printed((text) => (text.startsWith('refused') ? text : null));
    expect(refusal).toBe('refused: No signature is of this secret and this body.');
  });
});

describe('streaming.sh', () => {
  const stream = () => {
    program = runExample(server, 'streaming.sh', ['gpu', '/v1/chat/completions', '{"messages":[]}']);
    return program;
  };

  it('prints what the task says, and ends with it', async () => {
    work(async (_task, { progress }) => {
      await progress({ delta: 'Hel' });
      await progress({ delta: 'lo' });
      await progress('[DONE]');
    });
    const running = stream();
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.lines).toEqual(['{"delta":"Hel"}', '{"delta":"lo"}', '[DONE]']);
  });

  it('goes on after the last event when the server was killed', async () => {
    const gate = new Gate();
    work(async (_task, { progress }) => {
      await progress('one');
      await gate.opened;
      await progress('two');
    });
    const running = stream();
    await running.printed((line) => line === 'one' || null);
    await server.kill();
    await server.restart();
    gate.open();
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.lines.filter((line) => !line.startsWith('curl:'))).toEqual(['one', 'two']);
  });

  it('does not fail when the task says something that it calls an error', async () => {
    work(async (_task, { progress }) => {
      await progress({ warn: 1 }, { name: 'error' });
      await progress('on');
    });
    const running = stream();
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect(running.lines).toEqual(['{"warn":1}', 'on']);
  });

  it('fails when the task does', async () => {
    work(() => new Answer(400, { error: { message: 'No such model.' } }));
    const running = stream();
    expect((await running.ended).code).toBe(1);
    expect(running.lines[0]).toContain('No such model.');
  });
});
