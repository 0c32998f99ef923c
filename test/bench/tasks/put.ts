/** Durable `put`s from 64 connections, beside a bare Fastify echo and the same route with a store that stores nothing. */
import autocannon from 'autocannon';
import { cpuSeconds, startProcess, startServer, stopProcess, type BenchEnv, type BenchServer } from '../bench-kit.js';

const CONNECTIONS = 64;
const SECONDS = 5;
/** A process that has just started compiles as it goes. */
const WARM_UP_SECONDS = 4;

export interface PutRate {
  perS: number;
  /** CPU time of the server, all threads. */
  cpuUs: number;
}

export interface PutRound {
  echo: PutRate;
  nothing: PutRate;
  put: PutRate;
}

const BODY = JSON.stringify({
  endpoint: '/v1/chat/completions',
  queue: 'bench',
  data: { model: 'bench', messages: [{ role: 'user', content: 'Say something about the river bank. '.repeat(25) }] },
});

async function load(url: string, path: string, key: string, pid: number): Promise<PutRate> {
  const fire = (duration: number) =>
    autocannon({
      url: url + path,
      connections: CONNECTIONS,
      duration,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: BODY,
    });
  await fire(WARM_UP_SECONDS);
  const cpuBefore = cpuSeconds(pid);
  const result = await fire(SECONDS);
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${path}: ${result.non2xx} refused, ${result.errors} broken`);
  const count = result['2xx'];
  return { perS: count / result.duration, cpuUs: ((cpuSeconds(pid) - cpuBefore) / count) * 1e6 };
}

async function onServer(server: BenchServer): Promise<PutRate> {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ queue: 'bench', endpoint: '/v1/chat/completions' });
  // The queue may be there already: then this is refused, and the puts would show if it were not.
  await (await fetch(`${server.url}/v1/queue/register`, { method: 'POST', headers, body })).arrayBuffer();
  return load(server.url, '/v1/queue/put', server.adminKey, server.process.pid!);
}

/** Each on a server of its own, one after the other, so that they do not share the machine. */
export async function putRound(env: BenchEnv = {}): Promise<PutRound> {
  const echoServer = await startProcess('bench/test/bench/tasks/echo-server.js', []);
  const echo = await load(echoServer.url, '/echo', 'none', echoServer.process.pid!);
  await stopProcess(echoServer);
  const idle = await startServer({}, 'bench/test/bench/tasks/forgetful-server.js');
  const nothing = await onServer(idle);
  await idle.stop();
  const server = await startServer(env);
  const put = await onServer(server);
  await server.stop();
  return { echo, nothing, put };
}
