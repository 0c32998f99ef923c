/**
 * Distributed mode over a MariaDB, a Redis and a stand-in for S3 of its own. A batch on one process with all roles, beside a
 * bare undici loop and beside Bull's own add and process; growth from one engine to two; then the Task API as in `tasks`.
 *
 *   npm run bench -- distributed [--only batch|growth|put|pull|waiting|held|depth] [--lines 50000] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { printTable, rounds, rowOf } from './bench-kit.js';
import { batchRounds, growthRounds } from './distributed/batches.js';
import { DepthBench } from './distributed/depth.js';
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

const services = await startServices();
const titled = (title: string) => `${title}, distributed, ${services.versions}`;

const BENCHES: Record<string, () => Promise<void>> = {
  async batch() {
    const all = await batchRounds(services, { lines: LINES, rounds: ROUNDS });
    printTable(titled(`Batch of ${LINES} lines`), [
      rowOf('bare undici loop, requests/s', all, ({ bare }) => bare),
      rowOf("Bull's add and process, jobs/s", all, ({ bull }) => bull),
      rowOf('batch, lines/s', all, ({ linesPerS }) => linesPerS),
      rowOf('batch : bare loop', all, ({ linesPerS, bare }) => linesPerS / bare, 2),
      rowOf('batch : Bull', all, ({ linesPerS, bull }) => linesPerS / bull, 2),
      rowOf('server CPU a line, µs', all, ({ cpuUsPerLine }) => cpuUsPerLine),
      rowOf('rows in MySQL a line, when it has ended', all, ({ rowsPerLine }) => rowsPerLine, 2),
      rowOf('bytes in Redis a line, at most', all, ({ redisBytesPerLine }) => redisBytesPerLine, 1),
      rowOf('peak memory of the server, MB', all, ({ memoryMb }) => memoryMb),
    ]);
  },
  async growth() {
    const all = await growthRounds(services, { lines: LINES, rounds: ROUNDS });
    printTable(titled(`Batch of ${LINES} lines, one api process`), [
      rowOf('one engine, lines/s', all, ({ one }) => one),
      rowOf('two engines, lines/s', all, ({ two }) => two),
      rowOf('growth', all, ({ one, two }) => two / one, 2),
      rowOf('CPU of the three processes a line, µs', all, ({ cpuUsPerLine }) => cpuUsPerLine),
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
  async depth() {
    const bench = await DepthBench.open(services);
    const all = await rounds(ROUNDS, () => bench.round());
    await bench.close();
    printTable(titled('20 tasks from a lane of many ready ones, a third of all rows done, p99 ms'), [
      rowOf('lease, 10,000 ready', all, ({ lease }) => lease.small, 1),
      rowOf('lease, 1,000,000 ready', all, ({ lease }) => lease.large, 1),
      rowOf('ratio', all, ({ lease }) => lease.large / lease.small, 2),
      rowOf('take, 10,000 ready', all, ({ take }) => take.small, 1),
      rowOf('take, 1,000,000 ready', all, ({ take }) => take.large, 1),
      rowOf('ratio', all, ({ take }) => take.large / take.small, 2),
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
