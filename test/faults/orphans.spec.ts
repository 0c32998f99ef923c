/** Bytes that a death has left without a row. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { newAgeablePlace, type AgeablePlace } from '../support/ageable-place.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';

let sim: SimProcess;
let blobs: AgeablePlace;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());
beforeEach(async () => {
  blobs = await newAgeablePlace();
  run = await FaultRun.prepare({ sim, lines: chatLines(50), place: blobs.place });
});
afterEach(async () => {
  await run.close();
  await blobs.close();
});

it('bytes of an upload that was cut off before its row go with the next start, once they are old', async () => {
  await run.dieAt('upload:before-row');
  expect(await blobs.place.blobKeys()).toHaveLength(1);
  await blobs.age();
  await run.restart();
  await run.server.logged(({ deleted }) => deleted === 1);
  expect(await blobs.place.blobKeys()).toEqual([]);
  expect((await run.finish(({ kills }) => ({ kills }))).problems).toEqual([]);
});
