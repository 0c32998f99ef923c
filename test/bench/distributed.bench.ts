/**
 * Distributed mode over a MariaDB, a Redis and a stand-in for S3 of its own, one process with all roles. A batch beside a bare
 * undici loop and beside Bull's own add and process; then the Task API as in `tasks`.
 *
 *   npm run bench -- distributed [--only batch|put|pull|waiting|held] [--lines 50000] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { bareLoop } from './bare-loop.js';
import { BatchClient, inputFile } from './batch-client.js';
import { peakMemoryMb, printTable, rounds, rowOf, startProcess, startServer, stopProcess } from './bench-kit.js';
import { bullPerS } from './distributed/bull-jobs.js';
import { startServices } from './distributed/services.js';
import { heldRound } from './tasks/held.js';
import { pullRound } from './tasks/pull.js';
import { putRound } from './tasks/put.js';
import { waitingRound } from './tasks/waiting.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    lines: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '3' },
  },
});
const LINES = Number(values.lines);
const ROUNDS = Number(values.rounds);
const IN_FLIGHT = 64;
const PROMPT_BYTES = 1950;

const services = await startServices();
const titled = (title: string) => `${title}, distributed, ${services.versions}`;

/** One batch on a server of its own. */
async function batchRound(upstreamUrl: string, input: Buffer) {
  const bare = await bareLoop(upstreamUrl, { lines: LINES, inFlight: IN_FLIGHT, promptBytes: PROMPT_BYTES });
  const bull = await bullPerS(services.redis, { jobs: LINES, inFlight: IN_FLIGHT, payloadBytes: PROMPT_BYTES });
  const env = await services.freshEnv();
  const server = await startServer({
    ...env,
    MILLRACE_UPSTREAM_URL: upstreamUrl,
    MILLRACE_UPSTREAM_CONCURRENCY: String(IN_FLIGHT),
  });
  const client = new BatchClient(server);
  const rowsBefore = await services.countRows();
  const { id } = await client.upload(input);
  const { batch, linesPerS, cpuUsPerLine } = await client.run(id, LINES);
  const rows = (await services.countRows()) - rowsBefore;
  await client.download(batch.output_file_id);
  const memoryMb = peakMemoryMb(server.process.pid!);
  await server.stop();
  return { bare, bull, linesPerS, cpuUsPerLine, memoryMb, rowsPerLine: rows / LINES };
}

const BENCHES: Record<string, () => Promise<void>> = {
  async batch() {
    const sim = await startProcess('sim/main.js', ['--port', '0']);
    const input = inputFile(LINES, PROMPT_BYTES);
    const all = await rounds(ROUNDS, () => batchRound(sim.url, input));
    await stopProcess(sim);
    printTable(titled(`Batch of ${LINES} lines`), [
      rowOf('bare undici loop, requests/s', all, ({ bare }) => bare.perS),
      rowOf("Bull's add and process, jobs/s", all, ({ bull }) => bull),
      rowOf('batch, lines/s', all, ({ linesPerS }) => linesPerS),
      rowOf('batch : bare loop', all, ({ linesPerS, bare }) => linesPerS / bare.perS, 2),
      rowOf('batch : Bull', all, ({ linesPerS, bull }) => linesPerS / bull, 2),
      rowOf('server CPU a line, µs', all, ({ cpuUsPerLine }) => cpuUsPerLine),
      rowOf('rows in MySQL a line, when it has ended', all, ({ rowsPerLine }) => rowsPerLine, 2),
      rowOf('peak memory of the server, MB', all, ({ memoryMb }) => memoryMb),
    ]);
  },
  async put() {
    const all = await rounds(ROUNDS, async () => putRound(await services.freshEnv()));
    printTable(titled('Durable put, 64 connections'), [
      rowOf('bare Fastify echo, requests/s', all, ({ echo }) => echo.perS),
      rowOf('put, tasks/s', all, ({ put }) => put.perS),
      rowOf('put : echo', all, ({ put, echo }) => put.perS / echo.perS, 2),
      rowOf('server CPU a put, µs', all, ({ put }) => put.cpuUs),
    ]);
  },
  async pull() {
    const all = await rounds(ROUNDS, async () => pullRound(await services.freshEnv()));
    printTable(titled('Take 100 and complete in bulk, 4 workers, 2 KB bodies'), [
      rowOf("Bull's process loop, jobs/s", all, ({ bull }) => bull),
      rowOf('take and complete, tasks/s', all, ({ pull }) => pull),
      rowOf('ratio', all, ({ pull, bull }) => pull / bull, 2),
      rowOf('server CPU a task, µs', all, ({ cpuUs }) => cpuUs),
    ]);
  },
  async waiting() {
    const all = await rounds(ROUNDS, async () => waitingRound(await services.freshEnv()));
    printTable(titled('Added to a direct call, ms'), [
      rowOf('blocking, 200 in flight, upstream 500 ms: p50', all, ({ blockingP50 }) => blockingP50, 1),
      rowOf('blocking: p99', all, ({ blockingP99 }) => blockingP99, 1),
      rowOf('first token, 50 streams, upstream 200 ms: p50', all, ({ firstTokenP50 }) => firstTokenP50, 1),
    ]);
  },
  async held() {
    const all = await rounds(ROUNDS, async () => heldRound(await services.freshEnv()));
    printTable(titled('10,000 blocking calls held'), [
      rowOf('errors', all, ({ errors }) => errors),
      rowOf('peak memory, MB', all, ({ memoryMb }) => memoryMb),
      rowOf('a cheap request meanwhile, p99 ms', all, ({ cheapP99 }) => cheapP99, 1),
    ]);
  },
};

const wanted = values.only === undefined ? Object.keys(BENCHES) : [values.only];
try {
  for (const name of wanted) {
    const bench = BENCHES[name];
    if (!bench) throw new Error(`There is no '${name}'. There are: ${Object.keys(BENCHES).join(', ')}.`);
    await bench();
  }
} finally {
  await services.stop();
}
