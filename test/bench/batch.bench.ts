/**
 * A batch of 50,000 lines (100 MB) against a zero-latency upstream in a process of its own, 64 in flight; beside it, in the
 * same run, a bare undici loop that makes the same requests and keeps nothing.
 *
 *   npm run bench -- batch [--lines 50000] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { bareLoop } from './bare-loop.js';
import { BatchClient, inputFile } from './batch-client.js';
import { peakMemoryMb, printTable, rounds, rowOf, startProcess, startServer, stopProcess } from './bench-kit.js';

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '3' } },
});
const LINES = Number(values.lines);
const ROUNDS = Number(values.rounds);
const IN_FLIGHT = 64;
const PROMPT_BYTES = 1950;

const sim = await startProcess('sim/main.js', ['--port', '0']);
const server = await startServer({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: String(IN_FLIGHT) });
const client = new BatchClient(server);
const input = inputFile(LINES, PROMPT_BYTES);
console.log(
  `${LINES} lines, ${(input.length / 1e6).toFixed(0)} MB, ${IN_FLIGHT} in flight, ${ROUNDS} rounds after a warm-up`,
);

const measured = await rounds(ROUNDS, async (index) => {
  const bare = await bareLoop(sim.url, { lines: LINES, inFlight: IN_FLIGHT, promptBytes: PROMPT_BYTES });
  const file = await client.upload(input);
  const { batch, linesPerS, cpuUsPerLine } = await client.run(file.id, LINES);
  const { mbPerS } = await client.download(batch.output_file_id);
  const ratio = linesPerS / bare.perS;
  const name = index < 0 ? 'warm-up' : `round ${index + 1}`;
  console.log(
    `${name}: bare ${bare.perS.toFixed(0)}/s, batch ${linesPerS.toFixed(0)}/s, ratio ${ratio.toFixed(2)}, ${cpuUsPerLine.toFixed(0)} µs CPU a line`,
  );
  return { bare, linesPerS, ratio, cpuUsPerLine, uploadMbPerS: file.mbPerS, downloadMbPerS: mbPerS };
});

printTable(`Batch of ${LINES} lines`, [
  rowOf('bare undici loop, requests/s', measured, ({ bare }) => bare.perS),
  rowOf('batch, lines/s', measured, ({ linesPerS }) => linesPerS),
  rowOf('ratio', measured, ({ ratio }) => ratio, 2),
  rowOf('server CPU a line, µs', measured, ({ cpuUsPerLine }) => cpuUsPerLine),
  rowOf('CPU of the bare loop a request, µs', measured, ({ bare }) => bare.cpuUs),
  rowOf('upload, MB/s', measured, ({ uploadMbPerS }) => uploadMbPerS),
  rowOf('download, MB/s', measured, ({ downloadMbPerS }) => downloadMbPerS),
  ['peak memory of the server, MB', peakMemoryMb(server.process.pid!).toFixed(0), ''],
]);
await server.stop();
await stopProcess(sim);
