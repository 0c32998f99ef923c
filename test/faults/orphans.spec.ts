/** Bytes that a death has left without a row, in the folder of an embedded server. */
import { utimes } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { blobPaths } from '../support/folder-place.js';
import { SimProcess } from '../support/sim-process.js';

let sim: SimProcess;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());
beforeEach(async () => {
  run = await FaultRun.prepare({ sim, lines: chatLines(50) });
});
afterEach(() => run.close());

it('bytes of an upload that was cut off before its row go with the next start, once they are old', async () => {
  await run.dieAt('upload:before-row');
  const [path, ...others] = (await blobPaths(run.server.place)).values();
  expect(others).toEqual([]);
  await utimes(path!, new Date(0), new Date(0));
  await run.restart();
  await run.server.logged(({ deleted }) => deleted === 1);
  expect(await blobPaths(run.server.place)).toEqual(new Map());
  expect((await run.finish(({ kills }) => ({ kills }))).problems).toEqual([]);
});
