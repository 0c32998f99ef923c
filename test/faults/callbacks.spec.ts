/**
 * A server that ends while it delivers callbacks, before and after each write on the way: the next one delivers them, under
 * the same id, and says in the record what it does not know.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callbackStateOf } from '../../src/kernel/callback-state.js';
import { Outbox, type SeededCallback } from '../support/outbox.js';
import { ScriptedUpstream, type Script } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const BODY = '{"text":"x"}';
const TAKEN: Script = () => ({ body: '{}' });

let server: TestServer;
let outbox: Outbox;
let receivers: ScriptedUpstream[] = [];

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1' });
  outbox = await Outbox.open(server.place);
});

afterAll(async () => {
  await outbox.close();
  await server.close();
});

beforeEach(async () => {
  if (!server.isRunning) await server.restart({ MILLRACE_TEST_CRASH_AT: 'never' });
});

afterEach(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  receivers = [];
});

async function receive(script: Script = TAKEN): Promise<ScriptedUpstream> {
  const receiver = await ScriptedUpstream.start(script);
  receivers.push(receiver);
  return receiver;
}

const hookOf = (receiver: ScriptedUpstream) => receiver.url.replace('/v1', '/hook');
const stateOf = async (callback: SeededCallback) => callbackStateOf((await outbox.callback(callback)).state);
const delivered = (callback: SeededCallback) =>
  until(
    () => stateOf(callback),
    (seen) => seen === 'delivered',
  );

describe('a server that dies', () => {
  it('after it has sent a callback and before it has noted that sends it again under the same id', async () => {
    const receiver = await receive();
    await server.kill();
    await server.restart({ MILLRACE_TEST_CRASH_AT: 'callback:sent' });
    const callback = await outbox.add(hookOf(receiver), BODY);
    expect((await server.ended).signal).toBe('SIGKILL');
    expect(await stateOf(callback)).toBe('leased');
    await server.restart({ MILLRACE_TEST_CRASH_AT: 'never' });
    await delivered(callback);
    const requests = await receiver.requests.first(2);
    expect(requests.map(({ headers }) => headers['webhook-id'])).toEqual([callback.id, callback.id]);
    const attempts = await outbox.attempts(callback);
    expect(attempts.map(({ error }) => error)).toEqual([expect.stringContaining('the server ended'), null]);
    expect(await outbox.callback(callback)).toMatchObject({ tries: 1, epoch: 2 });
  });

  it.each(['webhook-secret-ensure', 'callback-lease', 'callback-record'])(
    'before or after the commit of %s leaves the callback to the next one',
    async (procedure) => {
      const receiver = await receive();
      for (const side of ['before', 'after']) {
        await server.kill();
        await server.restart({ MILLRACE_TEST_CRASH_AT: `write:${procedure}:${side}` });
        if (procedure === 'webhook-secret-ensure') await outbox.forgetSecrets();
        const callback = await outbox.add(hookOf(receiver), BODY);
        expect((await server.ended).signal).toBe('SIGKILL');
        await server.restart({ MILLRACE_TEST_CRASH_AT: 'never' });
        await delivered(callback);
        const got = receiver.requests.items.filter(({ headers }) => headers['webhook-id'] === callback.id);
        expect(got.length).toBeLessThanOrEqual(procedure === 'callback-record' && side === 'before' ? 2 : 1);
      }
    },
  );

  it.each(['before', 'after'])('%s the commit of a rescue leaves the callback to the one after it', async (side) => {
    const receiver = await receive();
    await server.kill();
    await server.restart({ MILLRACE_TEST_CRASH_AT: 'callback:sent' });
    const callback = await outbox.add(hookOf(receiver), BODY);
    await server.ended;
    const doomed = server.launch({ MILLRACE_TEST_CRASH_AT: `write:callback-rescue:${side}` });
    expect((await doomed.ended).signal).toBe('SIGKILL');
    expect(await stateOf(callback)).toBe(side === 'before' ? 'leased' : 'waiting');
    await server.restart({ MILLRACE_TEST_CRASH_AT: 'never' });
    await delivered(callback);
    expect(await outbox.attempts(callback)).toHaveLength(2);
  });

  it('politely lets what is under way end', async () => {
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const receiver = await receive(async () => {
      await answered;
      return { body: '{}' };
    });
    const callback = await outbox.add(hookOf(receiver), BODY);
    await receiver.requests.first(1);
    server.send('SIGTERM');
    await server.logged(({ msg }) => msg.startsWith('stopping'));
    answer();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(await stateOf(callback)).toBe('delivered');
  });

  it('politely takes back what a receiver will not end', async () => {
    await server.stop();
    await server.restart({ MILLRACE_SHUTDOWN_GRACE: '100ms' });
    const receiver = await receive(() => new Promise(() => {}));
    const callback = await outbox.add(hookOf(receiver), BODY);
    await receiver.requests.first(1);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await stateOf(callback)).toBe('waiting');
    expect(await outbox.attempts(callback)).toEqual([]);
  });
});
