/** What Millrace adds to a call of which the caller waits for the answer: blocking, and until the first token of a stream. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import {
  median,
  p99,
  startProcess,
  startServer,
  stopProcess,
  type BenchEnv,
  type BenchServer,
  type Started,
} from '../bench-kit.js';

const CALLS = 2000;
const IN_FLIGHT = 200;
const LATENCY_MS = 500;
const STREAMS = 50;
const FIRST_TOKEN_MS = 200;

export interface WaitingRound {
  /** Milliseconds added at the median and at the 99th percentile. */
  blockingP50: number;
  blockingP99: number;
  firstTokenP50: number;
}

const DATA = { model: 'bench', messages: [{ role: 'user', content: 'Where is the river bank?' }] };

export async function waitingRound(env: BenchEnv = {}): Promise<WaitingRound> {
  const slow = await startProcess('sim/main.js', ['--port', '0', '--latency-ms', String(LATENCY_MS)]);
  const blocking = await added(env, slow, (target) => blockingTimes(target));
  await stopProcess(slow);
  const talking = await startProcess('sim/main.js', [
    '--port',
    '0',
    '--time-to-first-token-ms',
    String(FIRST_TOKEN_MS),
  ]);
  const first = await added(env, talking, (target) => firstTokenTimes(target));
  await stopProcess(talking);
  return {
    blockingP50: median(blocking.through) - median(blocking.direct),
    blockingP99: p99(blocking.through) - p99(blocking.direct),
    firstTokenP50: median(first.through) - median(first.direct),
  };
}

interface Target {
  url: string;
  headers: Record<string, string>;
  body: (isStream: boolean) => string;
}

async function added(env: BenchEnv, sim: Started, measure: (target: Target) => Promise<number[]>) {
  const server = await startServer({ ...env, MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '256' });
  const headers = { 'content-type': 'application/json' };
  const direct = { url: `${sim.url}/chat/completions`, headers, body: directBody };
  const times = { direct: await warmly(measure, direct), through: await warmly(measure, throughServer(server)) };
  await server.stop();
  return times;
}

/** Left out: a server that has just started compiles as it goes, and it has many paths here that each call takes once. */
const WARM_UPS = 2;

async function warmly(measure: (target: Target) => Promise<number[]>, target: Target): Promise<number[]> {
  for (let count = 0; count < WARM_UPS; count += 1) await measure(target);
  return measure(target);
}

function directBody(isStream: boolean): string {
  return JSON.stringify(isStream ? { ...DATA, stream: true } : DATA);
}

function throughServer({ url, adminKey }: BenchServer): Target {
  return {
    url: `${url}/v1/queue/put`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
    body: (isStream) =>
      JSON.stringify({
        queue: 'default',
        endpoint: '/v1/chat/completions',
        response_mode: isStream ? 'streaming' : 'blocking',
        data: isStream ? { ...DATA, stream: true } : DATA,
      }),
  };
}

async function blockingTimes(target: Target): Promise<number[]> {
  return inTurns(CALLS, IN_FLIGHT, LATENCY_MS, async (dispatcher) => {
    const { url, headers, body } = target;
    const startedAt = performance.now();
    const answer = await request(url, { method: 'POST', headers, body: body(false), dispatcher });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode}`);
    return performance.now() - startedAt;
  });
}

async function firstTokenTimes(target: Target): Promise<number[]> {
  return inTurns(STREAMS * 10, STREAMS, FIRST_TOKEN_MS, async (dispatcher) => {
    const { url, headers, body } = target;
    const startedAt = performance.now();
    const answer = await request(url, { method: 'POST', headers, body: body(true), dispatcher });
    let firstAt = 0;
    for await (const chunk of answer.body)
      if (firstAt === 0 && (chunk as Buffer).includes('data:')) firstAt = performance.now();
    if (firstAt === 0) throw new Error(`${url}: no token came`);
    return firstAt - startedAt;
  });
}

/**
 * `count` measurements, `inFlight` at a time; the first of each place also opens its connection and is left out. The places
 * begin spread over `spreadMs`, or all calls would go on to come in the same millisecond for ever.
 */
async function inTurns(
  count: number,
  inFlight: number,
  spreadMs: number,
  measure: (dispatcher: Agent) => Promise<number>,
): Promise<number[]> {
  const dispatcher = new Agent({ connections: inFlight });
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: inFlight }, async (_, place) => {
      await sleep((place / inFlight) * spreadMs);
      await measure(dispatcher);
      for (let turn = 0; turn < count / inFlight; turn += 1) times.push(await measure(dispatcher));
    }),
  );
  await dispatcher.close();
  return times;
}
