/** How soon a worker that waits has the task that is put for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { median, p99, startServer, type BenchEnv } from '../bench-kit.js';

const WORKERS = 50;
const PUTS = 500;
/** Between two puts, so that each finds workers waiting and a store with nothing to do. */
const PAUSE_MS = 10;

export interface WakeRound {
  /** Milliseconds from sending the put until the worker has read the task. */
  takenP50: number;
  takenP99: number;
  /** Until the put is answered, which is after its commit. */
  putP50: number;
  putP99: number;
}

export async function wakeRound(env: BenchEnv = {}): Promise<WakeRound> {
  const server = await startServer(env);
  const dispatcher = new Agent({ connections: WORKERS + 1, headersTimeout: 120_000 });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${server.adminKey}` };
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await request(`${server.url}/v1/queue/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      dispatcher,
    });
    const text = await answer.body.json();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}`);
    return text;
  };
  await post('register', { queue: 'wake', endpoint: '/v1/x' });

  const takenAt: number[] = [];
  const work = async (): Promise<void> => {
    while (takenAt.length < PUTS) {
      const lanes = await post('take', { queues: ['wake:0'], size: 1, wait_seconds: 5 });
      for (const { data } of (lanes as Record<string, { data: { n: number } }[]>)['wake:0'] ?? []) {
        takenAt[data.n] = performance.now();
      }
    }
  };
  const workers = Array.from({ length: WORKERS }, work);
  await sleep(1000); // all of them wait now
  const taken: number[] = [];
  const put: number[] = [];
  for (let n = 0; n < PUTS; n += 1) {
    const sentAt = performance.now();
    await post('put', { queue: 'wake', endpoint: '/v1/x', data: { n } });
    put.push(performance.now() - sentAt);
    while (takenAt[n] === undefined) await sleep(1);
    taken.push(takenAt[n]! - sentAt);
    await sleep(PAUSE_MS);
  }
  await Promise.all(workers);
  await dispatcher.close();
  await server.stop();
  return { takenP50: median(taken), takenP99: p99(taken), putP50: median(put), putP99: p99(put) };
}
