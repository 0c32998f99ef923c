/**
 * Watches a server from a thread of its own: how long its event loop is kept busy, and how much memory it holds.
 *
 * Each round asks for /livez and reads, from Linux, how much processor time the server's main thread used between the
 * question and the answer. That is what kept the loop from answering, and unlike the wall clock it says nothing of other
 * programs on the machine: neither a server that waits for a core nor one that is stopped uses any. Where this thread
 * itself had to wait for a core, the time it waited is taken off.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const { url, pid } = workerData;
/** Between two rounds, so that watching is not the load itself. */
const REST_MS = 3;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let seen;
const stop = new AbortController();

parentPort.on('message', (order) => {
  if (order === 'begin') begin();
  else if (order === 'report') parentPort.postMessage({ ...seen, peakRssBytes: statusBytes('VmHWM') });
  else stop.abort();
});

begin();
while (!stop.signal.aborted) {
  await round();
  await pause(REST_MS);
}
agent.destroy();
parentPort.close();

function begin() {
  const earlierPeakBytes = statusBytes('VmHWM');
  writeFileSync(`/proc/${pid}/clear_refs`, '5'); // the peak begins anew
  seen = { rounds: 0, longestStallMs: 0, longestAnswerMs: 0, earlierPeakBytes };
}

async function round() {
  const current = seen;
  const [own, server, startedAt] = [ownTimes(), serverTimes(), performance.now()];
  await livez();
  const tookMs = performance.now() - startedAt;
  const usedMs = serverTimes().usedMs - server.usedMs;
  const delayedMs = ownTimes().waitedMs - own.waitedMs;
  current.rounds += 1;
  current.longestAnswerMs = Math.max(current.longestAnswerMs, tookMs);
  current.longestStallMs = Math.max(current.longestStallMs, Math.min(usedMs, tookMs - delayedMs));
}

function livez() {
  return new Promise((resolve, reject) => {
    get(`${url}/livez`, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`/livez answered ${response.statusCode}`));
      response.resume().once('end', resolve);
    }).once('error', reject);
  });
}

/** The main thread has the number of the process. */
function serverTimes() {
  return times(`/proc/${pid}/task/${pid}/schedstat`);
}

function ownTimes() {
  return times('/proc/thread-self/schedstat');
}

function times(path) {
  const [used, waited] = readFileSync(path, 'latin1').split(' ');
  return { usedMs: Number(used) / 1e6, waitedMs: Number(waited) / 1e6 };
}

function statusBytes(name) {
  return (
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024
  );
}
