/** Old rows go, and a kill in between leaves nothing behind for good. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awaited, createBatch, line, run, upload } from '../support/batches.js';
import { Remains } from '../support/remains.js';
import { askedIn, completion, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

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
  const blobs = () => server.place.blobKeys();

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
