/** Tasks taken 100 at a time and completed in bulk by four HTTP workers, beside Bull's own process loop with an empty handler. */
import Bull from 'bull';
import { Pool } from 'undici';
import { RedisService } from '../../support/services/redis.js';
import { cpuSeconds, startServer, type BenchEnv } from '../bench-kit.js';

const TASKS = 20_000;
const WORKERS = 4;
const PER_TAKE = 100;
/** Bull is fastest with some jobs in flight; with more than these it gains nothing. */
const BULL_IN_FLIGHT = 64;
const DATA = { model: 'bench', messages: [{ role: 'user', content: 'The river bank again. '.repeat(90) }] };
const RESULT = {
  status_code: 200,
  request_id: 'req_1',
  body: { id: 'x', choices: [{ message: { content: 'Yes.' } }] },
};

export interface PullRound {
  bull: number;
  pull: number;
  cpuUs: number;
}

export async function pullRound(env: BenchEnv = {}): Promise<PullRound> {
  return { bull: await bullPerS(), ...(await pullPerS(env)) };
}

async function pullPerS(env: BenchEnv): Promise<{ pull: number; cpuUs: number }> {
  const server = await startServer(env);
  const pool = new Pool(server.url, { connections: WORKERS });
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${server.adminKey}` };
    const answer = await pool.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${await answer.body.text()}`);
    return answer.body.json();
  };
  await post('/v1/queue/register', { queue: 'bench', endpoint: '/v1/chat/completions' });
  await fill(post);
  await workOff(post); // warms up
  await fill(post);
  const cpuBefore = cpuSeconds(server.process.pid!);
  const pull = await workOff(post);
  const cpuUs = ((cpuSeconds(server.process.pid!) - cpuBefore) / TASKS) * 1e6;
  await pool.close();
  await server.stop();
  return { pull, cpuUs };
}

type Post = (path: string, body: unknown) => Promise<unknown>;

async function fill(post: Post): Promise<void> {
  const task = { queue: 'bench', endpoint: '/v1/chat/completions', level: 1, data: DATA };
  for (let put = 0; put < TASKS; put += 1000)
    await post('/v1/queue/put/bulk', { tasks: Array.from({ length: 1000 }, () => task) });
}

/** Has all tasks taken and completed; resolves with tasks a second. */
async function workOff(post: Post): Promise<number> {
  let done = 0;
  const worker = async () => {
    while (done < TASKS) {
      const request = { queues: ['bench:1'], size: PER_TAKE, fifo_max: PER_TAKE, process_timeout: 60 };
      const taken = (await post('/v1/queue/take', request)) as Record<
        string,
        { task_id: string; lease_token: string }[]
      >;
      const tasks = taken['bench:1'] ?? [];
      if (tasks.length === 0) continue;
      const completions = tasks.map(({ task_id, lease_token }) => ({ task_id, lease_token, result: RESULT }));
      await post('/v1/queue/complete', { completions });
      done += tasks.length;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return perS(startedAt);
}

async function bullPerS(): Promise<number> {
  const redis = await RedisService.start();
  const queue = new Bull('bench', redis.url);
  await queue.isReady();
  let done = 0;
  let allDone = () => {};
  queue.on('completed', () => {
    done += 1;
    if (done === TASKS) allDone();
  });
  const workOffJobs = async () => {
    await queue.pause();
    for (let put = 0; put < TASKS; put += 1000)
      await queue.addBulk(Array.from({ length: 1000 }, () => ({ data: DATA })));
    done = 0;
    const finished = new Promise<void>((resolve) => (allDone = resolve));
    const startedAt = performance.now();
    await queue.resume();
    await finished;
    return perS(startedAt);
  };
  const ending = queue.process(BULL_IN_FLIGHT, async () => RESULT);
  await workOffJobs(); // warms up
  const rate = await Promise.race([workOffJobs(), ending.then(() => Promise.reject(new Error('Bull has stopped')))]);
  await queue.close();
  await redis.stop();
  return rate;
}

function perS(startedAt: number): number {
  return TASKS / ((performance.now() - startedAt) / 1000);
}
