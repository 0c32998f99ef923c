/** Servers that are stopped, started twice, or halted for a while in the middle of a batch. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { textOf } from '../support/batches.js';
import { FaultRun } from '../support/fault-run.js';
import { RawConnection } from '../support/raw-request.js';
import type { ServerEnv } from '../support/server.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';
import { filePart, LINE, textPart, untilUploadBegins } from '../support/uploads.js';

const IS_LONG = process.env['LONG'] === '1';
const HALT_MS = IS_LONG ? 30_000 : 5_000;
const LINES = chatLines(400);
const CONCURRENCY = 16;

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;

beforeEach(async () => {
  sim = await SimProcess.start({ latencyMs: 40 });
});
afterEach(async () => {
  await run.close();
  await sim.close();
});

/** Some lines are done, and some are being run. */
async function untilHalfway(env: ServerEnv = {}): Promise<number> {
  run = await FaultRun.prepare({ sim, lines: LINES, env: { MILLRACE_UPSTREAM_CONCURRENCY: `${CONCURRENCY}`, ...env } });
  await run.restart();
  await run.submit();
  await run.ended(({ request_counts }) => request_counts!.completed >= 50);
  const { inFlight } = await until(
    () => sim.control.stats(),
    (stats) => stats.inFlight > 0,
  );
  return inFlight;
}

/** All calls are waiting for an answer that will not come. */
async function untilNoneIsAnswered(): Promise<void> {
  const newRequests = async () => {
    const { requests } = await sim.control.stats();
    await delay(200);
    return (await sim.control.stats()).requests - requests;
  };
  await until(newRequests, (count) => count === 0);
}

function countTasks(condition: string): Promise<number> {
  return run.examine(async (remains) => (await remains.value<number>(`SELECT COUNT(*) FROM task WHERE ${condition}`))!);
}

describe('a server that is asked to stop during a batch', () => {
  it('ends what it has begun and leaves the rest untouched', async () => {
    await untilHalfway();
    expect(await run.server.stop()).toEqual({ code: 0, signal: null });
    const [done, left] = [await countTasks('state = 3'), await countTasks('state IN (0, 1)')];
    expect(await countTasks('state = 2 OR losses > 0 OR (state < 2 AND tries > 0)')).toBe(0);
    expect(Object.values(await sim.control.calls())).toEqual(Array(done).fill(1));
    await run.restart();
    const report = await run.finish(() => ({ 'lines done before': done, 'lines left for the next server': left }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
  });

  it('gives back what does not end within the grace time, and counts no try', async () => {
    await untilHalfway({ MILLRACE_SHUTDOWN_GRACE: '300ms' });
    await sim.control.change({ latencyMs: 3_600_000 });
    await untilNoneIsAnswered();
    expect(await run.server.stop()).toEqual({ code: 0, signal: null });
    expect(await countTasks('state = 2 OR losses > 0 OR (state < 2 AND tries > 0)')).toBe(0);
    const done = await run.examine((remains) =>
      remains.rows<{ id: string }>('SELECT custom_id AS id FROM task WHERE state = 3'),
    );
    const isDone = new Set(done.map(({ id }) => id));
    const aborted = Object.keys(await sim.control.calls()).filter((id) => !isDone.has(id));
    await sim.control.change({ latencyMs: 5 });
    await run.restart();
    const report = await run.finish(() => ({ 'calls that were aborted': aborted.length }), { retried: aborted });
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
    expect(aborted.length).toBeLessThanOrEqual(CONCURRENCY);
  });

  it('again and again, calls no line twice', async () => {
    run = await FaultRun.prepare({ sim, lines: LINES });
    const stops: (string | null)[] = [];
    for (const enough of [0, 1, 100]) {
      await run.restart();
      await run.submit();
      await run.ended(({ request_counts }) => request_counts!.completed >= enough);
      expect(await run.server.stop()).toEqual({ code: 0, signal: null });
      stops.push(await run.examine((remains) => remains.value<string>('SELECT state FROM batch')));
    }
    await run.restart();
    const inProgress = stops.filter((state) => state === 'in_progress').length;
    const report = await run.finish(() => ({ 'stops during the batch': inProgress }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
  });

  it('and is killed while it waits for its calls, loses none of them', async () => {
    const inFlight = await untilHalfway();
    await sim.control.change({ latencyMs: 3_600_000 });
    run.server.send('SIGTERM');
    await run.server.logged(({ msg }) => msg.startsWith('stopping'));
    await run.kill();
    await sim.control.change({ latencyMs: 5 });
    const killedAt = performance.now();
    await run.restart();
    process.stdout.write(`ready again ${Math.round(performance.now() - killedAt)} ms after a kill\n`);
    const report = await run.finish(({ rescued }) => ({ 'leases that the next server took back': rescued, inFlight }));
    expect(report.problems).toEqual([]);
  });
});

describe('a server that is halted by the system', () => {
  async function halt(ms: number): Promise<void> {
    run.server.send('SIGSTOP');
    await delay(ms);
    run.server.send('SIGCONT');
  }

  it(`goes on after ${HALT_MS / 1000} s as if nothing had been`, async () => {
    const inFlight = await untilHalfway();
    await halt(HALT_MS);
    const report = await run.finish(() => ({ 'calls that were answered meanwhile': inFlight }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
  });

  it('has answered for nothing meanwhile, and takes in the upload that was under way', async () => {
    run = await FaultRun.prepare({ sim, lines: LINES });
    await run.restart();
    const text = LINE.repeat(2_000);
    const body = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(text)}\r\n--xyz--\r\n`;
    const upload = await RawConnection.open(run.server.url);
    upload.send(
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${run.server.adminKey}\r\nconnection: close\r\n` +
        `content-type: multipart/form-data; boundary=xyz\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 1_000)}`,
    );
    await untilUploadBegins(run.server, []);
    run.server.send('SIGSTOP');
    upload.send(body.slice(1_000));
    await delay(HALT_MS);
    expect(upload.text).toBe('');
    run.server.send('SIGCONT');
    const [head = '', answer = ''] = (await upload.end()).split('\r\n\r\n');
    expect(head).toContain('HTTP/1.1 200 OK');
    await run.kill();
    await run.restart();
    const { id } = JSON.parse(answer) as { id: string };
    expect(await textOf(run.client, id)).toBe(text);
    await run.client.files.delete(id);
    const report = await run.finish(({ kills }) => ({ 'kills after the answer': kills }));
    expect(report.problems).toEqual([]);
  });

  it('completes its batch also when all its calls timed out meanwhile', async () => {
    const times = { MILLRACE_IDLE_TIMEOUT: '500ms', MILLRACE_REQUEST_TIMEOUT: '1s' };
    const inFlight = await untilHalfway(times);
    await halt(3_000);
    const report = await run.finish(({ failures }) => ({
      'calls that timed out': failures,
      'calls in flight': inFlight,
    }));
    expect(report.problems).toEqual([]);
  });
});
