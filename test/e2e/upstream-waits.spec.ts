/** A caller who cannot wait for another try gets what the upstream said to the last one, and not that his time is over. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { StreamCall } from '../support/stream-client.js';

const ENDPOINT = '/v1/chat/completions';

let sim: TestSim;
let server: TestServer;
let queues = 0;
/** Has an upstream of its own, so that no test rests for what another one was told. */
let queue: string;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start();
  // The first call of a server may have to wait for permits; who waits for seconds only comes later.
  queue = await newQueue();
  await blocking('status_400', 60);
});
beforeEach(async () => {
  await sim.change({ retryAfterSeconds: 3 });
  await sim.reset();
  queue = await newQueue();
});
afterAll(async () => {
  await server.close();
  await sim.close();
});

async function newQueue(over: object = {}): Promise<string> {
  const name = `waits-${(queues += 1)}`;
  const admin = new ConsoleClient(server);
  await admin.post('upstreams', { name, base_url: sim.url });
  await admin.post('queues', { name, upstream: name, ...over });
  return name;
}

const taskOf = (words: string, timeout: number, stream: boolean) => ({
  queue,
  endpoint: ENDPOINT,
  timeout,
  data: { model: 'demo', stream, messages: [{ role: 'user', content: 'Hello' }], metadata: { sim: words } },
});

/** The status with which a call ends, and the upstream's words. */
async function blocking(words: string, timeout: number): Promise<[number, string]> {
  const response = await server.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...taskOf(words, timeout, false), response_mode: 'blocking' }),
  });
  const text = await response.text();
  return [response.status, text === '' ? '' : JSON.parse(text).error.message];
}

async function streaming(words: string, timeout: number): Promise<[number, string]> {
  const call = await StreamCall.open(server, taskOf(words, timeout, true));
  const frames = await call.rest();
  expect(frames.map(({ event }) => event)).toEqual(['error']);
  const { status_code: status, body, error } = JSON.parse(frames[0]!.data);
  return [status, (body?.error ?? error).message];
}

const requests = async (): Promise<number> => (await sim.stats()).requests;
const MODES = [
  ['blocking', blocking],
  ['streaming', streaming],
] as const;

describe.each(MODES)('a caller on the line (%s)', (_, call) => {
  const told = (status: number) => [status, expect.stringContaining(`told to end with status ${status}`)];

  it('is told of a pause that ends when he has gone, though his task would still be there', async () => {
    expect(await call('status_429', 3)).toEqual(told(429));
    expect(await requests()).toBe(1);
  });

  it('is told by an upstream that names no pause, after as many tries as he can wait for', async () => {
    expect(await call('status_503', 3)).toEqual(told(503));
    expect(await requests()).toBeGreaterThan(1);
  });

  it('is told of an error that would be tried again when he has gone', async () => {
    queue = await newQueue({ retry_policy: { max_tries: 5, first_backoff_ms: 2_000, max_backoff_ms: 2_000 } });
    expect(await call('status_500', 1)).toEqual(told(500));
    expect(await requests()).toBe(1);
  });

  it('keeps nobody waiting for a pause for which he does not wait himself', async () => {
    for (const asked of [1, 2]) {
      expect(await call('status_429', 1)).toEqual(told(429));
      expect(await requests()).toBe(asked);
    }
  });
});
