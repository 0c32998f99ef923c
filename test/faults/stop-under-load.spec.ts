/**
 * A server that is asked to stop while clients upload, create batches and look, and a batch runs. What it has answered for
 * is there afterwards, what it cannot take it refuses so that a client comes again, and it is gone within its grace time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { awaited, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun, refuseOthers } from '../support/fault-run.js';
import { RawConnection } from '../support/raw-request.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';
import { filePart, jsonl, LINE, storedBlobs, untilUploadBegins, textPart } from '../support/uploads.js';

const GRACE_MS = 4_000;
/** If it lives on after this, it would for ever; only bounds the wait. */
const FOR_EVER_MS = 60_000;
const CLIENTS = 12;
const LINES = chatLines(1_500);
const UPLOAD = LINE.repeat(10_000);

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;
/** What clients were answered: by status, and what the server has promised to keep. */
let answers: Record<string, number>;
let files: Set<string>;
let batches: Set<string>;
/** The file of the batches that are created meanwhile. */
let smallFile: string;

beforeEach(async () => {
  answers = {};
  files = new Set();
  batches = new Set();
  sim = await SimProcess.start({ latencyMs: 40 });
});
afterEach(async () => {
  await run.close();
  await sim.close();
});

async function post(path: string, body: FormData | string): Promise<Response> {
  const type: Record<string, string> = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
  const headers = { authorization: `Bearer ${run.server.adminKey}`, ...type };
  return note(await run.server.fetch(path, { method: 'POST', headers, body }));
}

function note(response: Response): Response {
  const wait = response.status === 503 ? ` after ${response.headers.get('retry-after') ?? 'who knows'}` : '';
  const key = `${response.status}${wait}`;
  answers[key] = (answers[key] ?? 0) + 1;
  return response;
}

/** Uploads and creates, one after the other, until it is refused. */
async function work(): Promise<void> {
  for (;;) {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', await jsonl('in.jsonl', UPLOAD));
    const uploaded = await post('/v1/files', form);
    if (!uploaded.ok) return;
    const { id } = (await uploaded.json()) as { id: string };
    files.add(id);
    const request = { input_file_id: smallFile, endpoint: '/v1/chat/completions', completion_window: '24h' };
    const created = await post('/v1/batches', JSON.stringify(request));
    if (!created.ok) return;
    batches.add(((await created.json()) as { id: string }).id);
    if (!note(await run.server.fetch(`/v1/files/${id}`)).ok) return;
  }
}

/** An upload of which one piece is still missing. */
async function beginUpload(): Promise<{ connection: RawConnection; rest: string }> {
  const body = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`;
  const before = await storedBlobs(run.server);
  const connection = await RawConnection.open(run.server.url);
  connection.send(
    `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${run.server.adminKey}\r\n` +
      `content-type: multipart/form-data; boundary=xyz\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, -20)}`,
  );
  await untilUploadBegins(run.server, before);
  return { connection, rest: body.slice(-20) };
}

it('ends within its grace time, refuses in good manners, and keeps what it has answered for', async () => {
  const env = { MILLRACE_SHUTDOWN_GRACE: `${GRACE_MS}ms` };
  run = await FaultRun.prepare({ sim, lines: LINES, env });
  await run.restart();
  await run.submit();
  smallFile = await upload(
    run.client,
    LINES.slice(0, 3).map(({ text }) => text),
  );
  const [late, never] = [await beginUpload(), await beginUpload()];
  const asking = await RawConnection.open(run.server.url);
  asking.send(`GET /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${run.server.adminKey}\r\n`);
  const clients = Array.from({ length: CLIENTS }, () => work().catch(refuseOthers));
  await until(
    () => batches.size,
    (size) => size >= CLIENTS,
  );
  await run.ended(({ request_counts }) => request_counts!.completed >= 50);
  const askedAt = performance.now();
  run.server.send('SIGTERM');
  await run.server.logged(({ msg }) => msg.startsWith('stopping'));
  asking.send('\r\n'); // Now it is a request, and too late.
  expect((await asking.until('shutting down')).toLowerCase()).toMatch(/^http\/1\.1 503 .*retry-after: 1\r\n/s);
  late.connection.send(late.rest);
  const [head = '', text = ''] = (await late.connection.until('"status_details"')).split('\r\n\r\n');
  expect(head).toContain('HTTP/1.1 200 OK');
  files.add((JSON.parse(text) as { id: string }).id);
  const exit = await Promise.race([run.server.ended, delay(FOR_EVER_MS, null, { ref: false })]);
  expect(exit).toEqual({ code: 0, signal: null });
  process.stdout.write(
    `ended ${Math.round(performance.now() - askedAt)} ms after SIGTERM; ${JSON.stringify(answers)}\n`,
  );
  expect(await never.connection.end()).not.toContain('200 OK');
  await Promise.all(clients);
  expect(Object.keys(answers).filter((answer) => !['200', '503 after 1'].includes(answer))).toEqual([]);
  const undone = await run.examine(
    async (remains) => (await remains.value<number>('SELECT COUNT(*) FROM task WHERE state < 3'))!,
  );

  await run.restart();
  const there = await run.client.batches.list({ limit: 100 });
  const all = [...there.data];
  for (let page = there; page.hasNextPage(); all.push(...page.data)) page = await page.getNextPage();
  const filesThere = new Set((await run.client.files.list({ purpose: 'batch' })).data.map(({ id }) => id));
  expect([...batches].filter((id) => !all.some((batch) => batch.id === id))).toEqual([]);
  expect([...files].filter((id) => !filesThere.has(id))).toEqual([]);
  expect((await storedBlobs(run.server)).filter((name) => name.includes('.'))).toEqual([]);
  const ended = await Promise.all(all.map((batch) => awaited(run.client, batch, undefined, FOR_EVER_MS)));
  expect(ended.filter(({ status, request_counts }) => status !== 'completed' || request_counts!.failed > 0)).toEqual(
    [],
  );
  expect(undone, 'lines that the first server left to the second').toBeGreaterThan(0);
  expect(await run.server.stop()).toEqual({ code: 0, signal: null });
  expect(await run.examine(async (remains) => [await remains.losses(), await remains.failures()])).toEqual([{}, {}]);
  expect(await run.examine((remains) => remains.problems())).toEqual([]);
  // Each line of each batch has been asked for once, by one of the two servers.
  const calls = Object.values(await sim.control.calls());
  const total = ended.reduce((sum, { request_counts }) => sum + request_counts!.total, 0);
  expect(calls.reduce((sum, count) => sum + count, 0)).toBe(total);
});
