/** 10,000 blocking calls that wait at the same time, and what a cheap request takes meanwhile. */
import { Agent, request } from 'undici';
import { peakMemoryMb, startServer, type BenchEnv } from '../bench-kit.js';

const CALLS = 10_000;
const CHEAP = 500;

export interface HeldRound {
  errors: number;
  memoryMb: number;
  cheapP99: number;
}

export async function heldRound(env: BenchEnv = {}): Promise<HeldRound> {
  const server = await startServer(env);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${server.adminKey}` };
  const post = (path: string, body: unknown, dispatcher: Agent) =>
    request(server.url + path, { method: 'POST', headers, body: JSON.stringify(body), dispatcher });
  const workers = new Agent({ connections: 4 });
  await (await post('/v1/queue/register', { queue: 'held', endpoint: '/v1/chat/completions' }, workers)).body.text();

  const callers = new Agent({ connections: CALLS, headersTimeout: 300_000 });
  let errors = 0;
  const task = { queue: 'held', endpoint: '/v1/chat/completions', response_mode: 'blocking', data: { model: 'm' } };
  const calls = Array.from({ length: CALLS }, async () => {
    try {
      const answer = await post('/v1/queue/put', task, callers);
      const text = await answer.body.text();
      if (answer.statusCode !== 200 || text !== '{"held":true}') errors += 1;
    } catch {
      errors += 1; // counted, and shown
    }
  });
  await untilReady(CALLS);
  const times: number[] = [];
  for (let n = 0; n < CHEAP; n += 1) {
    const startedAt = performance.now();
    await (await request(`${server.url}/v1/queue/held/metadata`, { headers, dispatcher: workers })).body.text();
    times.push(performance.now() - startedAt);
  }
  const memoryMb = peakMemoryMb(server.process.pid!);
  await completeAll();
  await Promise.all(calls);
  await Promise.all([callers.close(), workers.close()]);
  await server.stop();
  return { errors, memoryMb, cheapP99: times.sort((a, b) => a - b)[Math.floor(CHEAP * 0.99)]! };

  async function untilReady(count: number): Promise<void> {
    for (;;) {
      const answer = await request(`${server.url}/v1/queue/held:0/stats`, { headers, dispatcher: workers });
      const { ready } = (await answer.body.json()) as { ready: number };
      if (ready + errors >= count) return;
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }

  async function completeAll(): Promise<void> {
    for (;;) {
      const answer = await post('/v1/queue/take', { queues: ['held:0'], size: 500, fifo_max: 500 }, workers);
      const tasks = ((await answer.body.json()) as Record<string, { task_id: string }[]>)['held:0'] ?? [];
      if (tasks.length === 0) return;
      const completions = tasks.map(({ task_id }) => ({ task_id, result: { status_code: 200, body: { held: true } } }));
      await (await post('/v1/queue/complete', { completions }, workers)).body.text();
    }
  }
}
