/** The disk gets its space back while an embedded server works. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SQLITE_FILE } from '../../src/store/sqlite/sqlite-data-source.js';
import { line, resultsOf, run } from '../support/batches.js';
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
});
