/** Batches in distributed mode: beside a bare loop and beside Bull, and over more than one engine. */
import { bareLoop } from '../bare-loop.js';
import { BatchClient, inputFile } from '../batch-client.js';
import { peakMemoryMb, rounds, startProcess, startServer, stopProcess, type BenchServer } from '../bench-kit.js';
import { bullPerS } from './bull-jobs.js';
import type { BenchServices } from './services.js';

const IN_FLIGHT = 64;
const PROMPT_BYTES = 1950;
const SAMPLE_MS = 100;

export interface BatchLoad {
  lines: number;
  rounds: number;
}

export interface BatchRound {
  bare: number;
  bull: number;
  linesPerS: number;
  cpuUsPerLine: number;
  rowsPerLine: number;
  redisBytesPerLine: number;
  memoryMb: number;
}

/** One process with all roles, warm after its first batch. */
export async function batchRounds(services: BenchServices, load: BatchLoad): Promise<BatchRound[]> {
  const { lines } = load;
  const sim = await startProcess('sim/main.js', ['--port', '0']);
  const server = await startServer({ ...(await services.freshEnv()), ...upstreamAt(sim.url) });
  const client = new BatchClient(server);
  const input = inputFile(lines, PROMPT_BYTES);
  const all = await rounds(load.rounds, async () => {
    const bare = await bareLoop(sim.url, { lines, inFlight: IN_FLIGHT, promptBytes: PROMPT_BYTES });
    const bull = await bullPerS(services.redis, { jobs: lines, inFlight: IN_FLIGHT, payloadBytes: PROMPT_BYTES });
    const { id } = await client.upload(input);
    const rowsBefore = await services.countRows();
    const redis = await watchRedis(services);
    const { batch, linesPerS, cpuUsPerLine } = await client.run(id, lines);
    const redisBytes = await redis.stop();
    const rows = (await services.countRows()) - rowsBefore;
    await client.download(batch.output_file_id);
    return {
      bare,
      bull,
      linesPerS,
      cpuUsPerLine,
      rowsPerLine: rows / lines,
      redisBytesPerLine: redisBytes / lines,
      memoryMb: peakMemoryMb(server.process.pid!),
    };
  });
  await server.stop();
  await stopProcess(sim);
  return all.map((round) => ({ ...round, bare: round.bare.perS }));
}

export interface GrowthRound {
  one: number;
  two: number;
  cpuUsPerLine: number;
}

/** One `api` process and one `engine`, then a second engine beside it. */
export async function growthRounds(services: BenchServices, load: BatchLoad): Promise<GrowthRound[]> {
  const { lines } = load;
  const sim = await startProcess('sim/main.js', ['--port', '0']);
  const env = { ...(await services.freshEnv()), ...upstreamAt(sim.url) };
  const api = await startServer({ ...env, MILLRACE_ROLE: 'api' });
  const input = inputFile(lines, PROMPT_BYTES);
  const over = async (engines: readonly BenchServer[]) => {
    const client = new BatchClient(api, [api, ...engines]);
    return rounds(load.rounds, async () => client.run((await client.upload(input)).id, lines));
  };
  const engines = [await startServer({ ...env, MILLRACE_ROLE: 'engine' })];
  const ofOne = await over(engines);
  engines.push(await startServer({ ...env, MILLRACE_ROLE: 'engine' }));
  const ofTwo = await over(engines);
  for (const one of [...engines, api]) await one.stop();
  await stopProcess(sim);
  return ofOne.map(({ linesPerS }, index) => {
    const { linesPerS: two, cpuUsPerLine } = ofTwo[index]!;
    return { one: linesPerS, two, cpuUsPerLine };
  });
}

function upstreamAt(url: string) {
  return { MILLRACE_UPSTREAM_URL: url, MILLRACE_UPSTREAM_CONCURRENCY: String(IN_FLIGHT) };
}

/** What Redis holds more than now, at most, until it is stopped; in bytes. */
async function watchRedis(services: BenchServices) {
  const before = await services.redisBytes();
  let most = before;
  const look = async () => {
    most = Math.max(most, await services.redisBytes());
  };
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = look();
  }, SAMPLE_MS);
  return {
    async stop(): Promise<number> {
      clearInterval(timer);
      await last;
      return most - before;
    },
  };
}
