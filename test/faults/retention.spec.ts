/** Old rows go, the disk gets its space back while the server works, and a kill in between leaves nothing behind for good. */
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SQLITE_FILE } from '../../src/store/sqlite/sqlite-data-source.js';
import { awaited, createBatch, line, resultsOf, run, upload } from '../support/batches.js';
import { Remains } from '../support/remains.js';
import { askedIn, completion, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';
import { jsonl } from '../support/uploads.js';

const LINES = 3_000;
/** Answers are kept in the database up to some size; these are well below it. */
const ANSWER = 'x'.repeat(8_000);
/** Longer ago than lines of batches are kept, and not as long as batches are. */
const AGE = 'UPDATE batch SET ended_at = ended_at - 31 * 86400000 WHERE ended_at IS NOT NULL';

let server: TestServer;
let upstream: ScriptedUpstream;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start((request) => completion(`${askedIn(request)} ${ANSWER}`));
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url });
});

afterEach(async () => {
  await server.close();
  await upstream.close();
});

const databaseBytes = () => statSync(join(server.dataDir, SQLITE_FILE)).size;
const lines = (count: number) => Array.from({ length: count }, (_, n) => line(`line-${n}`));

/** Rows by table, of what belongs to tasks. */
function taskRows(): Promise<Record<string, number | null>> {
  return Remains.examine(server.place, async (remains) => {
    const counts: Record<string, number | null> = {};
    for (const table of ['task', 'task_result', 'task_body', 'attempt'])
      counts[table] = await remains.value<number>(`SELECT COUNT(*) FROM ${table}`);
    return counts;
  });
}

const NOTHING = { task: 0, task_result: 0, task_body: 0, attempt: 0 };

describe('a batch that ended long ago', () => {
  it('gives its space back to the disk while others write, and stays listed with its files', async () => {
    const batch = await run(server.openai, lines(LINES));
    expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: LINES } });
    await server.stop();
    const before = databaseBytes();
    expect(before).toBeGreaterThan(LINES * ANSWER.length);
    expect(await server.place.alter(AGE)).toBe(1);
    await server.restart();

    let written = 0;
    await until(
      async () => {
        await server.openai.files.create({ file: await jsonl(), purpose: 'batch' });
        written += 1;
        return databaseBytes();
      },
      // What stays is 4 MiB of free pages and little else.
      (bytes) => bytes < 8 * 1024 * 1024,
    );
    expect(written).toBeGreaterThan(1);

    expect(await server.openai.batches.retrieve(batch.id)).toMatchObject({
      status: 'completed',
      request_counts: { total: LINES, completed: LINES, failed: 0 },
    });
    expect(await resultsOf(server.openai, batch.output_file_id)).toHaveLength(LINES);
    expect((await run(server.openai, lines(10))).request_counts!.completed).toBe(10);
    await server.stop();
    expect(await taskRows()).toMatchObject({ task: 10, task_result: 10 });
    expect(await server.place.examine((stored) => stored.damage())).toEqual([]);
  });

  it('leaves no row behind, wherever the server is killed while it forgets', async () => {
    await run(server.openai, lines(1_200));
    await server.stop();
    await server.place.alter(AGE);
    // 1,200 lines are forgotten in three steps.
    for (const point of ['task-forget:before', 'task-forget:after', 'task-forget:after', 'batch-clear:before']) {
      const { signal } = await server.launch({ MILLRACE_TEST_CRASH_AT: `write:${point}` }).ended;
      expect([point, signal]).toEqual([point, 'SIGKILL']);
    }
    expect(await taskRows()).toEqual(NOTHING);
    const cleared = () =>
      Remains.examine(server.place, (remains) =>
        remains.value<number>('SELECT COUNT(*) FROM batch WHERE cleared_at IS NOT NULL'),
      );
    expect(await cleared()).toBe(0);
    const { signal } = await server.launch({ MILLRACE_TEST_CRASH_AT: 'write:batch-clear:after' }).ended;
    expect([signal, await cleared()]).toEqual(['SIGKILL', 1]);
  });
});

describe('answers that were kept outside the database', () => {
  const blobs = async () => (await readdir(join(server.dataDir, 'blobs'), { recursive: true })).filter(isBlob);
  const isBlob = (path: string) => path.split('/').length === 3;

  it('go with the rows that named them', async () => {
    const large = 'y'.repeat(2 * 1024 * 1024);
    upstream.answerWith(() => completion(large));
    const fileId = await upload(server.openai, lines(4));
    const batch = await awaited(server.openai, await createBatch(server.openai, fileId));
    expect(batch.request_counts!.completed).toBe(4);
    const spilled = (await blobs()).length;
    expect(spilled).toBe(1 + 4 + 1); // input, answers, output
    await server.stop();
    await server.place.alter(AGE);
    await server.restart();
    await until(
      async () => (await blobs()).length,
      (count) => count === 2,
    );
  });
});
