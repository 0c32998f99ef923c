/** Disks that have lost or changed a part of the SQLite file or of its log. */
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SQLITE_FILE } from '../../src/store/sqlite/sqlite-data-source.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';

const LINES = chatLines(600, { words: (n) => (n % 100 === 0 ? 'big_40' : null) });

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());
beforeEach(async () => {
  await sim.control.change({ latencyMs: 5 });
  run = await FaultRun.prepare({ sim, lines: LINES });
  await run.restart();
});
afterEach(() => run.close());

describe('the store', () => {
  const database = () => join(run.server.dataDir, SQLITE_FILE);

  it('whose log has lost its end goes on from what is left: sound, complete, and nothing twice', async () => {
    await run.submit();
    await run.ended(({ status }) => status === 'in_progress');
    await run.server.stop(); // From here on the log holds results only.
    await sim.control.change({ latencyMs: 20 });
    await run.restart();
    await run.ended(({ request_counts }) => request_counts!.completed >= 200);
    await run.kill();
    const countDone = () =>
      run.examine(async (remains) => (await remains.value<number>('SELECT COUNT(*) FROM task WHERE state = 3'))!);
    const before = await countDone();
    const log = await open(`${database()}-wal`, 'r+');
    await log.truncate(Math.floor((await log.stat()).size / 2) + 1_000);
    await log.close();
    const forgotten = before - (await countDone());
    expect(await run.examine((remains) => remains.problems())).toEqual([]);
    await run.restart();
    // What was forgotten is asked for again, and nothing in the store can tell which lines those were.
    const retried = LINES.map(({ customId }) => customId);
    const report = await run.finish(() => ({ 'results that were forgotten': forgotten }), { retried });
    expect(report.problems).toEqual([]);
    expect(run.batch!.request_counts!.completed).toBe(LINES.length);
  });

  it.each([
    ['cut short', (path: string) => truncate(path, 20_000)],
    [
      'written over',
      async (path: string) => {
        const file = await open(path, 'r+');
        await file.write(Buffer.alloc(4_096, 'x'), 0, 4_096, 0);
        await file.close();
      },
    ],
  ])('that was %s stops the next start, with a word', async (_, inflict) => {
    await run.complete();
    await run.server.stop();
    await inflict(database());
    const second = run.server.launch();
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.lines.at(-1)).toMatch(/millrace cannot go on: .*(malformed|not a database|damaged)/);
  });
});
