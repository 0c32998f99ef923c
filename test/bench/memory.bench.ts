/**
 * The most memory that a server takes while a file of 200 MB is uploaded, run as one batch, and its results are downloaded.
 *
 *   npm run bench -- memory [--rounds 1]
 */
import { parseArgs } from 'node:util';
import { BatchClient, inputFile } from './batch-client.js';
import { peakMemoryMb, printTable, startProcess, startServer, stopProcess } from './bench-kit.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1' } } });
const LINES = 50_000;
const PROMPT_BYTES = 4000;

const sim = await startProcess('sim/main.js', ['--port', '0']);
const server = await startServer({ MILLRACE_UPSTREAM_URL: sim.url });
const pid = server.process.pid!;
const client = new BatchClient(server);
const input = inputFile(LINES, PROMPT_BYTES);

const rows: [string, string, string][] = [['when it has started', peakMemoryMb(pid).toFixed(0), '']];
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const { id } = await client.upload(input);
  rows.push([`${round}: after the upload`, peakMemoryMb(pid).toFixed(0), '']);
  const { batch } = await client.run(id, LINES);
  rows.push([`${round}: after the batch`, peakMemoryMb(pid).toFixed(0), '']);
  await client.download(batch.output_file_id);
  rows.push([`${round}: after the download`, peakMemoryMb(pid).toFixed(0), '']);
}
printTable(`Peak memory in MB, one file of ${(input.length / 1e6).toFixed(0)} MB, ${LINES} lines`, rows);
await server.stop();
await stopProcess(sim);
