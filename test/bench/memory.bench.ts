/**
 * The most memory that a server takes while a file of 200 MB is uploaded, run as one batch, and its results are downloaded.
 * With `--distributed` it is one process with all roles, over a MariaDB, a Redis and a stand-in for S3 of its own.
 *
 *   npm run bench -- memory [--distributed] [--rounds 1]
 */
import { parseArgs } from 'node:util';
import { BatchClient, inputFile } from './batch-client.js';
import { peakMemoryMb, printTable, startProcess, startServer, stopProcess, type TableRow } from './bench-kit.js';
import { startServices } from './distributed/services.js';

const { values } = parseArgs({
  options: { distributed: { type: 'boolean', default: false }, rounds: { type: 'string', default: '1' } },
});
const LINES = 50_000;
const PROMPT_BYTES = 4000;

const services = values.distributed ? await startServices() : null;
const sim = await startProcess('sim/main.js', ['--port', '0']);
const server = await startServer({ ...(await services?.freshEnv()), MILLRACE_UPSTREAM_URL: sim.url });
const client = new BatchClient(server);
const input = inputFile(LINES, PROMPT_BYTES);

const rows: TableRow[] = [];
const note = (when: string) => rows.push([when, peakMemoryMb(server.process.pid!).toFixed(0), '']);
note('when it has started');
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const { id } = await client.upload(input);
  note(`${round}: after the upload`);
  const { batch, cpuUsPerLine } = await client.run(id, LINES);
  note(`${round}: after the batch`);
  await client.download(batch.output_file_id);
  note(`${round}: after the download`);
  rows.push([`${round}: server CPU a line of the batch, µs`, cpuUsPerLine.toFixed(0), '']);
}
const mode = services ? `distributed, ${services.versions}` : 'embedded';
printTable(`Peak memory in MB, one file of ${(input.length / 1e6).toFixed(0)} MB, ${LINES} lines, ${mode}`, rows);
await server.stop();
await stopProcess(sim);
await services?.stop();
