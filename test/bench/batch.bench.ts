/**
 * A batch of 50,000 lines (100 MB) against a zero-latency upstream in a process of its own, 64 in flight; beside it, in the
 * same run, a bare undici loop that makes the same requests and keeps nothing.
 *
 *   npm run bench -- batch [--lines 50000] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import {
  cpuSeconds,
  median,
  peakMemoryMb,
  printTable,
  rounds,
  startProcess,
  startServer,
  stopProcess,
} from './bench-kit.js';

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '3' } },
});
const LINES = Number(values.lines);
const ROUNDS = Number(values.rounds);
const IN_FLIGHT = 64;
const PROMPT = 'The quick brown fox jumps over the lazy dog near the river bank. '.repeat(30);
const ENDPOINT = '/v1/chat/completions';

function bodyOf(line: number): string {
  return JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: `${line}: ${PROMPT}` }] });
}

/** The limit: no file, no store, no order, only the calls. */
async function bareLoop(baseUrl: string): Promise<number> {
  const dispatcher = new Agent({ connections: IN_FLIGHT, pipelining: 1 });
  const bodies = Array.from({ length: LINES }, (_, line) => Buffer.from(bodyOf(line)));
  let next = 0;
  const loop = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      const headers = { 'content-type': 'application/json' };
      const answer = await request(`${baseUrl}/chat/completions`, { method: 'POST', headers, body, dispatcher });
      await answer.body.text();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  const seconds = (performance.now() - startedAt) / 1000;
  await dispatcher.close();
  return LINES / seconds;
}

function inputFile(): Buffer {
  const lines = Array.from(
    { length: LINES },
    (_, line) => `{"custom_id":"line-${line}","method":"POST","url":"${ENDPOINT}","body":${bodyOf(line)}}\n`,
  );
  return Buffer.from(lines.join(''));
}

interface Round {
  bare: number;
  batch: number;
  ratio: number;
  cpuUs: number;
  uploadMbPerS: number;
  downloadMbPerS: number;
}

const sim = await startProcess('sim/main.js', ['--port', '0']);
const server = await startServer({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: String(IN_FLIGHT) });
const auth = { authorization: `Bearer ${server.adminKey}` };

async function api<T>(
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string | FormData } = {},
): Promise<T> {
  const response = await fetch(server.url + path, { ...init, headers: { ...auth, ...init.headers } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function upload(bytes: Buffer): Promise<{ id: string; mbPerS: number }> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([new Uint8Array(bytes)]), 'bench.jsonl');
  const startedAt = performance.now();
  const { id } = await api<{ id: string }>('/v1/files', { method: 'POST', body: form });
  return { id, mbPerS: bytes.length / 1e6 / ((performance.now() - startedAt) / 1000) };
}

interface Batch {
  id: string;
  status: string;
  output_file_id: string;
  request_counts: { completed: number };
}

async function runBatch(fileId: string): Promise<{ perS: number; cpuUs: number; batch: Batch }> {
  const pid = server.process.pid!;
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  let batch = await api<Batch>('/v1/batches', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input_file_id: fileId, endpoint: ENDPOINT, completion_window: '24h' }),
  });
  while (batch.status !== 'completed') {
    await new Promise((resume) => setTimeout(resume, 50));
    batch = await api<Batch>(`/v1/batches/${batch.id}`);
    if (['failed', 'expired', 'cancelled'].includes(batch.status))
      throw new Error(`the batch ended as ${batch.status}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  if (batch.request_counts.completed !== LINES) throw new Error('lines are missing');
  return { perS: LINES / seconds, cpuUs: ((cpuSeconds(pid) - cpuBefore) / LINES) * 1e6, batch };
}

async function download(fileId: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${server.url}/v1/files/${fileId}/content`, { headers: auth });
  const bytes = (await response.arrayBuffer()).byteLength;
  return bytes / 1e6 / ((performance.now() - startedAt) / 1000);
}

const input = inputFile();
console.log(
  `${LINES} lines, ${(input.length / 1e6).toFixed(0)} MB, ${IN_FLIGHT} in flight, ${ROUNDS} rounds after a warm-up`,
);

const measured = await rounds(ROUNDS, async (index): Promise<Round> => {
  const bare = await bareLoop(sim.url);
  const { id, mbPerS } = await upload(input);
  const { perS, cpuUs, batch } = await runBatch(id);
  const downloadMbPerS = await download(batch.output_file_id);
  const round = { bare, batch: perS, ratio: perS / bare, cpuUs, uploadMbPerS: mbPerS, downloadMbPerS };
  const name = index < 0 ? 'warm-up' : `round ${index + 1}`;
  console.log(
    `${name}: bare ${bare.toFixed(0)}/s, batch ${perS.toFixed(0)}/s, ratio ${round.ratio.toFixed(2)}, ${cpuUs.toFixed(0)} µs CPU a line`,
  );
  return round;
});

const row = (name: string, key: keyof Round, digits: number): [string, string, string] => {
  const all = measured.map((round) => round[key]);
  return [name, median(all).toFixed(digits), all.map((value) => value.toFixed(digits)).join(', ')];
};
printTable(`Batch of ${LINES} lines`, [
  row('bare undici loop, requests/s', 'bare', 0),
  row('batch, lines/s', 'batch', 0),
  row('ratio', 'ratio', 2),
  row('server CPU a line, µs', 'cpuUs', 0),
  row('upload, MB/s', 'uploadMbPerS', 0),
  row('download, MB/s', 'downloadMbPerS', 0),
  ['peak memory of the server, MB', peakMemoryMb(server.process.pid!).toFixed(0), ''],
]);
await server.stop();
await stopProcess(sim);
