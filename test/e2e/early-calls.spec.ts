/** Calls that go out while their tasks are being stored: nothing of them may be lost, told too early, or left behind. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { askedIn, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { StreamCall } from '../support/stream-client.js';

const ENDPOINT = '/v1/chat/completions';
const EVENTS = 20;
const CALLERS = 200;
/** A lane is taken to be empty when nothing was heard of it for a while (100 ms); only then do calls go out early. */
const QUIET_MS = 300;

let server: TestServer;
let admin: ConsoleClient;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
});
afterAll(() => server.close());

const taskOf = (queue: string, content: string) => ({
  queue,
  endpoint: ENDPOINT,
  data: { model: 'm', messages: [{ role: 'user', content }] },
});
const post = (body: object): Promise<Response> =>
  server.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ response_mode: 'blocking', ...body }),
  });

async function serve(name: string, upstream: ScriptedUpstream, concurrency: number, more: object = {}): Promise<void> {
  await admin.post('upstreams', { name, base_url: upstream.url, concurrency });
  await admin.post('queues', { name, upstream: name, ...more });
  await delay(QUIET_MS);
}

describe('an upstream that answers before its task is stored', () => {
  it('is heard from its first event to its last, by each of many callers', async () => {
    const eventsOf = (content: string) => Array.from({ length: EVENTS }, (_, n) => `{"of":"${content}","n":${n}}`);
    const upstream = await ScriptedUpstream.start((request) => ({
      headers: { 'content-type': 'text/event-stream' },
      body: eventsOf(askedIn(request)).map((data) => Buffer.from(`data: ${data}\n\n`)),
    }));
    await serve('instant', upstream, CALLERS);
    const contents = Array.from({ length: CALLERS }, (_, caller) => `caller ${caller}`);
    const heard = await Promise.all(
      contents.map(async (content) => (await StreamCall.open(server, taskOf('instant', content))).rest()),
    );
    expect(heard.map((frames) => frames.map(({ data }) => data))).toEqual(contents.map(eventsOf));
    expect(upstream.requests.items).toHaveLength(CALLERS);
    await upstream.close();
  });

  it('answers each of many waiting callers, once', async () => {
    const upstream = await ScriptedUpstream.start();
    await serve('quick', upstream, CALLERS);
    const contents = Array.from({ length: CALLERS }, (_, caller) => `caller ${caller}`);
    const answers = await Promise.all(contents.map((content) => post(taskOf('quick', content))));
    expect(answers.map(({ status }) => status)).toEqual(contents.map(() => 200));
    const told = await Promise.all(answers.map(async (answer) => answer.text()));
    told.forEach((text, caller) => expect(text).toContain(`"caller ${caller}"`));
    expect(upstream.requests.items).toHaveLength(CALLERS);
    await upstream.close();
  });
});

describe('a put that is refused', () => {
  it('leaves no call and no permit behind, and the next ones do not even call', async () => {
    const upstream = await ScriptedUpstream.start((request) =>
      askedIn(request) === 'refused' ? new Promise<never>(() => {}) : ECHO(request),
    );
    await serve('full', upstream, 1, { max_depth: 1 });
    // On a connection that is there already the call is out before the put can fail.
    expect((await post(taskOf('full', 'stored'))).status).toBe(200);
    await post({ ...taskOf('full', 'later'), response_mode: 'callback', delay: 3600 });
    for (let time = 0; time < 5; time += 1) expect((await post(taskOf('full', 'refused'))).status).toBe(429);
    expect(askedIn((await upstream.requests.first(2))[1]!)).toBe('refused');
    await upstream.abandoned.first(1);
    expect(upstream.requests.items).toHaveLength(2);
    await admin.patch('queues/full', { max_depth: null });
    expect((await post(taskOf('full', 'stored'))).status).toBe(200);
    expect(upstream.requests.items.map(askedIn)).toEqual(['stored', 'refused', 'stored']);
    await upstream.close();
  });
});
