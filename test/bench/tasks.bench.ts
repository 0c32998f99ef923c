/**
 * The Task API beside the limits of what it is built on.
 *
 *   npm run bench -- tasks [--only put|pull|wake|waiting|held|depth] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { printTable, rounds, rowOf } from './bench-kit.js';
import { DepthBench, type DepthRound } from './tasks/depth.js';
import { heldRound } from './tasks/held.js';
import { pullRound } from './tasks/pull.js';
import { putRound } from './tasks/put.js';
import { waitingRound } from './tasks/waiting.js';
import { wakeRound } from './tasks/wake.js';

const { values } = parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string', default: '3' } } });
const ROUNDS = Number(values.rounds);

const BENCHES: Record<string, () => Promise<void>> = {
  async put() {
    const all = await rounds(ROUNDS, () => putRound());
    printTable('Durable put, 64 connections', [
      rowOf('bare Fastify echo, requests/s', all, ({ echo }) => echo.perS),
      rowOf('the route, storing nothing, requests/s', all, ({ nothing }) => nothing.perS),
      rowOf('put, tasks/s', all, ({ put }) => put.perS),
      rowOf('put : echo', all, ({ put, echo }) => put.perS / echo.perS, 2),
      rowOf('put : route', all, ({ put, nothing }) => put.perS / nothing.perS, 2),
      rowOf('server CPU a put, µs', all, ({ put }) => put.cpuUs),
    ]);
  },
  async pull() {
    const all = await rounds(ROUNDS, () => pullRound());
    printTable('Take 100 and complete in bulk, 4 workers, 2 KB bodies', [
      rowOf("Bull's process loop, jobs/s", all, ({ bull }) => bull),
      rowOf('take and complete, tasks/s', all, ({ pull }) => pull),
      rowOf('ratio', all, ({ pull, bull }) => pull / bull, 2),
      rowOf('server CPU a task, µs', all, ({ cpuUs }) => cpuUs),
    ]);
  },
  async wake() {
    const all = await rounds(ROUNDS, () => wakeRound());
    printTable('A put for one of 50 workers that wait, ms', [
      rowOf('until a worker has the task: p50', all, ({ takenP50 }) => takenP50, 1),
      rowOf('the same: p99', all, ({ takenP99 }) => takenP99, 1),
      rowOf('until the put is answered: p50', all, ({ putP50 }) => putP50, 1),
      rowOf('the same: p99', all, ({ putP99 }) => putP99, 1),
    ]);
  },
  async waiting() {
    const all = await rounds(ROUNDS, () => waitingRound());
    printTable('Added to a direct call, ms', [
      rowOf('blocking, 200 in flight, upstream 500 ms: p50', all, ({ blockingP50 }) => blockingP50, 1),
      rowOf('blocking: p99', all, ({ blockingP99 }) => blockingP99, 1),
      rowOf('first token, 50 streams, upstream 200 ms: p50', all, ({ firstTokenP50 }) => firstTokenP50, 1),
    ]);
  },
  async held() {
    const all = await rounds(ROUNDS, () => heldRound());
    printTable('10,000 blocking calls held', [
      rowOf('errors', all, ({ errors }) => errors),
      rowOf('peak memory, MB', all, ({ memoryMb }) => memoryMb),
      rowOf('a cheap request meanwhile, p99 ms', all, ({ cheapP99 }) => cheapP99, 1),
    ]);
  },
  async depth() {
    const bench = await DepthBench.open();
    const all = await rounds(ROUNDS, () => bench.round());
    await bench.close();
    const rowsOf = (name: string, figure: (round: DepthRound) => DepthRound['lease']) => [
      rowOf(`${name}, 10,000 ready: p99 ms`, all, (round) => figure(round).small, 2),
      rowOf(`${name}, 1,000,000 ready: p99 ms`, all, (round) => figure(round).large, 2),
      rowOf('ratio', all, (round) => figure(round).large / figure(round).small, 2),
    ];
    printTable('20 tasks from the head of a lane, a third of all rows done', [
      ...rowsOf('lease', ({ lease }) => lease),
      ...rowsOf('take', ({ take }) => take),
      ...rowsOf('take with `min_age_seconds`', ({ oldTake }) => oldTake),
      ...rowsOf('the same where all are too young', ({ youngTake }) => youngTake),
    ]);
  },
};

const wanted = values.only === undefined ? Object.keys(BENCHES) : [values.only];
for (const name of wanted) {
  const bench = BENCHES[name];
  if (!bench) throw new Error(`There is no '${name}'. There are: ${Object.keys(BENCHES).join(', ')}.`);
  await bench();
}
