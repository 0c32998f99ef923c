/** Callbacks as receivers get them: signed, again until they are taken, and none because of another's trouble. */
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callbackStateOf } from '../../src/kernel/callback-state.js';
import { ConsoleClient } from '../support/console.js';
import { Outbox, type SeededCallback } from '../support/outbox.js';
import { ScriptedUpstream, type Script, type UpstreamRequest } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const BODY = '{"choices":[{"text":"Größe"}],"n":12345678901234567890}';
const TAKEN: Script = () => ({ body: '{"thanks":true}' });

let server: TestServer;
let outbox: Outbox;
let receivers: ScriptedUpstream[] = [];

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1', MILLRACE_LOG_LEVEL: 'debug' });
  outbox = await Outbox.open(server.place);
});

afterAll(async () => {
  await outbox.close();
  await server.close();
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
const reaches = (callback: SeededCallback, state: string) =>
  until(
    () => stateOf(callback),
    (seen) => seen === state,
  );
/** Once `count` tries are on record. */
const triedTimes = (callback: SeededCallback, count: number) =>
  until(
    () => outbox.attempts(callback),
    (seen) => seen.length === count,
  );

function signed({ headers }: UpstreamRequest): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-'))) as never;
}

describe('a callback', () => {
  it('brings the result object, signed so that the usual libraries take it', async () => {
    const { secret } = await new ConsoleClient(server).post('tenants/default/webhook-secret', {});
    const receiver = await receive();
    const callback = await outbox.add(hookOf(receiver), BODY);
    const [request] = await receiver.requests.first(1);
    expect(request!.path).toBe('/hook');
    expect(request!.body).toBe(`{"status_code":200,"request_id":"req_7","body":${BODY}}`);
    expect(request!.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': callback.id,
      'x-millrace-task-id': callback.taskId,
    });
    expect(new Webhook(secret).verify(request!.body, signed(request!))).toEqual(JSON.parse(request!.body));
    const openai = new OpenAI({ apiKey: 'x', webhookSecret: secret });
    expect(await openai.webhooks.unwrap(request!.body, request!.headers as never)).toMatchObject({ status_code: 200 });
    await reaches(callback, 'delivered');
    expect(await outbox.attempts(callback)).toMatchObject([
      { statusCode: 200, error: null, answer: '{"thanks":true}' },
    ]);
    const metrics = await (await server.fetch('/metrics')).text();
    expect(metrics).toMatch(/^millrace_webhook_deliveries_total\{result="delivered"\} 1$/m);
  });

  it('is signed with both secrets while one takes the place of the other', async () => {
    const admin = new ConsoleClient(server);
    const { secret: first } = await admin.post('tenants/default/webhook-secret', {});
    const { secret: second } = await admin.post('tenants/default/webhook-secret', { overlap_seconds: 60 });
    const receiver = await receive();
    await outbox.add(hookOf(receiver), BODY);
    const [both] = await receiver.requests.first(1);
    for (const secret of [first, second]) new Webhook(secret).verify(both!.body, signed(both!));
    const { secret: third } = await admin.post('tenants/default/webhook-secret', { overlap_seconds: 0 });
    await outbox.add(hookOf(receiver), BODY);
    const [, one] = await receiver.requests.first(2);
    new Webhook(third).verify(one!.body, signed(one!));
    expect(() => new Webhook(second).verify(one!.body, signed(one!))).toThrow('No matching signature');
  });

  it('comes again under the same id, signed anew, until it is taken', async () => {
    const { secret } = await new ConsoleClient(server).post('tenants/default/webhook-secret', {});
    const receiver = await receive(() => ({ status: 500, body: 'not now' }));
    const callback = await outbox.add(hookOf(receiver), BODY);
    await triedTimes(callback, 1);
    const waiting = await outbox.callback(callback);
    expect(callbackStateOf(waiting.state)).toBe('waiting');
    const [attempt] = await outbox.attempts(callback);
    expect(attempt).toMatchObject({
      statusCode: 500,
      error: 'the receiver answered with status 500',
      answer: 'not now',
    });
    const waitMs = waiting.availableAt - attempt!.startedAt - attempt!.tookMs;
    expect(waitMs).toBeGreaterThan(3_900);
    expect(waitMs).toBeLessThan(6_500);
    receiver.answerWith(TAKEN);
    await outbox.makeDue(callback);
    await reaches(callback, 'delivered');
    const requests = await receiver.requests.first(2);
    expect(requests.map(({ headers }) => headers['webhook-id'])).toEqual([callback.id, callback.id]);
    for (const request of requests) new Webhook(secret).verify(request.body, signed(request));
    expect((await outbox.attempts(callback)).map(({ statusCode }) => statusCode)).toEqual([500, 200]);
  });

  it('waits as long as a busy receiver asks it to', async () => {
    const receiver = await receive(() => ({ status: 429, headers: { 'retry-after': '600' }, body: '' }));
    const callback = await outbox.add(hookOf(receiver), BODY);
    const [attempt] = await triedTimes(callback, 1);
    const { availableAt } = await outbox.callback(callback);
    expect(availableAt - attempt!.startedAt).toBeGreaterThanOrEqual(600_000);
    expect(availableAt - attempt!.startedAt).toBeLessThan(630_000);
  });

  it('is given up at once where it is not wanted any more', async () => {
    const receiver = await receive(() => ({ status: 410, body: '' }));
    const callback = await outbox.add(hookOf(receiver), BODY);
    await reaches(callback, 'dead');
    expect(await outbox.attempts(callback)).toMatchObject([{ statusCode: 410 }]);
    await server.logged(({ msg }) => msg === 'a callback was given up; it can be replayed');
  });

  it('is not sent where the server may not go', async () => {
    const receiver = await receive();
    const callback = await outbox.add(hookOf(receiver).replace('127.0.0.1', '127.0.0.2'), BODY);
    const [attempt] = await triedTimes(callback, 1);
    expect(attempt!.error).toBe('not sent: the host has an address that is not public (loopback)');
    expect(receiver.requests.items).toEqual([]);
  });

  it('is not held up by those for a receiver that hangs', async () => {
    const hanging = await receive(() => new Promise(() => {}));
    const good = await receive();
    const stuck: SeededCallback[] = [];
    for (let n = 0; n < 30; n += 1) stuck.push(await outbox.add(hookOf(hanging), BODY));
    await hanging.requests.first(1);
    const quick: SeededCallback[] = [];
    for (let n = 0; n < 20; n += 1) quick.push(await outbox.add(hookOf(good), BODY));
    for (const callback of quick) await reaches(callback, 'delivered');
    expect(hanging.requests.items.length).toBeLessThanOrEqual(8);
    for (const callback of stuck) expect(await stateOf(callback)).not.toBe('delivered');
  });
});
